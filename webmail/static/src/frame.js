// The frame of a message gets the height of what is in it. No script runs inside: we, its parent, look in.

// Beyond this a page is slow in every browser; the frame then scrolls by itself.
const TALLEST = 30000
// A newsletter made for 600 px is shrunk to a phone's width, but not below what can be read.
const SMALLEST_ZOOM = 0.5
// What mail programs put around the letter that they answer, and what our plain text has for it.
const QUOTES = '.gmail_quote, .yahoo_quoted, .protonmail_quote, blockquote[type="cite"], body > blockquote'
// Places that are looked at: a letter with more quotes than this has no one at its end.
const MOST_QUOTES = 20

function fit(frame) {
  const inside = frame.contentDocument
  const body = inside?.body
  // Folded away it has no width, and keeps what it had; before it is loaded there is nothing to measure.
  if (!body || !frame.clientWidth || inside.URL === 'about:blank') return
  body.style.zoom = ''
  const wide = inside.documentElement.scrollWidth
  if (wide > frame.clientWidth + 1) body.style.zoom = Math.max(frame.clientWidth / wide, SMALLEST_ZOOM)
  const tall = Math.ceil(Math.max(body.getBoundingClientRect().bottom, inside.documentElement.getBoundingClientRect().height))
  const wanted = `${Math.min(Math.max(tall + 2, 48), TALLEST)}px`
  if (frame.style.height !== wanted) frame.style.height = wanted
}

// Folds what a reply quotes at its end. What stands between quotes, or alone, stays as it is.
function fold(frame, inside) {
  const range = inside.createRange()
  const says = (from, to) => {
    range.setStart(...from)
    range.setEnd(...to)
    return range.toString().trim() !== ''
  }
  for (const quote of [...inside.querySelectorAll(QUOTES)].slice(0, MOST_QUOTES)) {
    const parent = quote.parentNode
    const place = [...parent.childNodes].indexOf(quote)
    if (!says([inside.body, 0], [parent, place]) || says([parent, place + 1], [inside.body, inside.body.childNodes.length])) continue
    const details = inside.createElement('details')
    details.dataset.quoted = ''
    const summary = inside.createElement('summary')
    summary.textContent = frame.dataset.quoted
    quote.before(details)
    details.append(summary, quote)
    new ResizeObserver(() => fit(frame)).observe(details)
    return
  }
}

function watch(frame) {
  const inside = frame.contentDocument
  if (!inside?.body || inside.URL === 'about:blank') return
  // A link to a place in the same message stays in it; all others open a new tab.
  for (const link of inside.querySelectorAll('a[href^="#"]')) link.target = '_self'
  for (const picture of inside.images) picture.addEventListener('load', () => fit(frame))
  if ('quoted' in frame.dataset) fold(frame, inside)
  fit(frame)
}

const known = new WeakSet()

function adopt() {
  for (const frame of document.querySelectorAll('iframe.body')) {
    if (known.has(frame)) continue
    known.add(frame)
    frame.addEventListener('load', () => watch(frame))
    if (frame.contentDocument?.readyState === 'complete') watch(frame)
    let width = 0
    new ResizeObserver(() => {
      if (frame.clientWidth !== width) {
        width = frame.clientWidth
        fit(frame)
      }
    }).observe(frame)
  }
}

adopt()
// A letter of a topic comes when it is opened.
document.body.addEventListener('htmx:after:swap', adopt)
