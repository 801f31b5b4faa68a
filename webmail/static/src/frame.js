// The frame of a message gets the height of what is in it. No script runs inside: we, its parent, look in.

// Beyond this a page is slow in every browser; the frame then scrolls by itself.
const TALLEST = 30000
// A newsletter made for 600 px is shrunk to a phone's width, but not below what can be read.
const SMALLEST_ZOOM = 0.5
// Paper is narrower than most screens, and a frame keeps its height there: A4 with margins of 20 mm.
const PAPER = '640px'

// What is ours in a letter keeps its size: a finger does not shrink.
function zoom(body, factor) {
  body.style.zoom = factor
  body.style.setProperty('--zoom', factor)
}

function fit(frame) {
  const inside = frame.contentDocument
  const body = inside?.body
  // Folded away it has no width, and keeps what it had; before it is loaded there is nothing to measure.
  if (!body || !frame.clientWidth || inside.URL === 'about:blank') return
  zoom(body, '')
  const wide = inside.documentElement.scrollWidth
  if (wide > frame.clientWidth + 1) zoom(body, Math.max(frame.clientWidth / wide, SMALLEST_ZOOM))
  const tall = Math.ceil(Math.max(body.getBoundingClientRect().bottom, inside.documentElement.getBoundingClientRect().height))
  const wanted = `${Math.min(Math.max(tall + 2, 48), TALLEST)}px`
  if (frame.style.height !== wanted) frame.style.height = wanted
}

// A word that is no word (an address, a key) would make its cell as wide as itself, and all of the letter small.
const NO_WORD = /\S{60}/

function breakLong(inside) {
  const texts = inside.createTreeWalker(inside.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode
    if (NO_WORD.test(data)) parentElement.style.overflowWrap = 'anywhere'
  }
}

function watch(frame) {
  const inside = frame.contentDocument
  if (!inside?.body || inside.URL === 'about:blank') return
  // A link to a place in the same message stays in it; all others open a new tab.
  for (const link of inside.querySelectorAll('a[href^="#"]')) link.target = '_self'
  for (const picture of inside.images) picture.addEventListener('load', () => fit(frame))
  for (const details of inside.querySelectorAll('details')) new ResizeObserver(() => fit(frame)).observe(details)
  breakLong(inside)
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

// Lines that break on paper would else stand below the end of their frame.
function lay(width) {
  for (const frame of document.querySelectorAll('iframe.body')) {
    frame.style.width = width
    fit(frame)
  }
}
// A letter by itself is whole on paper; in a topic what it answers stands above.
let opened = []
addEventListener('beforeprint', () => {
  const frames = [...document.querySelectorAll('.letter > iframe.body')]
  opened = frames.flatMap((frame) => [...(frame.contentDocument?.querySelectorAll('details:not([open])') ?? [])])
  for (const details of opened) details.open = true
  lay(PAPER)
})
addEventListener('afterprint', () => {
  for (const details of opened) details.open = false
  lay('')
})

adopt()
// A letter of a topic comes when it is opened.
document.body.addEventListener('htmx:after:swap', adopt)
