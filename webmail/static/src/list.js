// The list: choosing letters, the undo line that goes by itself, and the quiet question for new mail.

// How long after an answer the list asks again for new letters while it can be seen: one that was kept back until there
// was something is followed by the next question, any other by a pause.
const LOOK_MS = 10000
const NEXT_MS = 500
const SNACK_MS = 10000

const form = document.querySelector('#marks')
const all = document.querySelector('#pick-all')
const boxes = () => [...document.querySelectorAll('#letters input[name="letter"]')]
const whole = document.querySelector('#mark-all')
const offer = document.querySelector('#select-all') ?? document.createElement('div')
let last = null

function count() {
  const chosen = boxes().filter((box) => box.checked)
  for (const box of boxes()) box.closest('.row, tr').classList.toggle('picked', box.checked)
  form.classList.toggle('some', chosen.length > 0)
  const place = document.querySelector('#selection-count')
  place.textContent = chosen.length === 0 ? '' : chosen.length === 1 ? place.dataset.one : place.dataset.many.replace('#', chosen.length)
  if (all) {
    all.checked = chosen.length > 0 && chosen.length === boxes().length
    all.indeterminate = chosen.length > 0 && !all.checked
  }
  if (whole) {
    // Whoever takes one letter out of a whole list means this page again.
    if (!all?.checked) whole.value = ''
    if (whole.value) place.textContent = place.dataset.all
    offer.hidden = !all?.checked || whole.value === '1'
    if (!offer.hidden) document.body.dispatchEvent(new CustomEvent('postbuch:all'))
  }
}

if (form) {
  document.addEventListener('click', (event) => {
    if (event.target.closest('[data-select-all]')) {
      whole.value = '1'
      count()
      document.querySelector('#marks .selection-buttons button')?.focus()
      return
    }
    const box = event.target.closest('#letters input[name="letter"]')
    if (!box) return
    // With Shift everything between the last choice and this one.
    if (event.shiftKey && last?.isConnected) {
      const list = boxes()
      const [from, to] = [list.indexOf(last), list.indexOf(box)].sort((a, b) => a - b)
      for (const each of list.slice(from, to + 1)) each.checked = box.checked
    }
    last = box
    count()
  })
  all?.addEventListener('change', () => {
    for (const box of boxes()) box.checked = all.checked
    count()
  })
  document.body.addEventListener('htmx:after:swap', count)
  form.addEventListener('htmx:finally:request', (event) => {
    if (event.target !== form || !event.detail.ctx.response?.raw.ok) return
    // It is done: what stayed chosen would be those that had been so before.
    for (const box of boxes()) box.checked = false
    count()
  })
  window.addEventListener('pageshow', count)
}

const news = document.querySelector('#news')
if (news) {
  let asking = false
  let next = 0
  let asked = 0
  let pause = NEXT_MS
  const look = () => {
    clearTimeout(next)
    // A browser has six connections for all tabs of one host: one that is not seen keeps none.
    if (document.visibilityState !== 'visible') return news.dispatchEvent(new CustomEvent('htmx:abort'))
    if (!asking) news.dispatchEvent(new CustomEvent('postbuch:look'))
    if (!asking) next = setTimeout(look, LOOK_MS)
  }
  news.addEventListener('htmx:before:request', () => {
    asking = true
    asked = Date.now()
  })
  news.addEventListener('htmx:finally:request', (event) => {
    asking = false
    clearTimeout(next)
    const answer = event.detail.ctx.response?.raw
    next = setTimeout(look, 'holds' in news.dataset && answer?.ok ? pause : LOOK_MS)
    // What comes again and again and is nothing new here, as old letters do while they are fetched, is asked for less.
    const inVain = answer?.status === 204 && Date.now() - asked < LOOK_MS
    pause = inVain ? Math.min(2 * pause, LOOK_MS) : NEXT_MS
  })
  document.addEventListener('visibilitychange', look)
  // htmx takes a moment to know the page.
  window.addEventListener('pageshow', () => { next = setTimeout(look, NEXT_MS) })
}

// A line with "undo" leaves after a while, unless somebody is at it.
const place = document.querySelector('#toast')
if (place) {
  new MutationObserver(() => {
    const snack = document.querySelector('#toast .snack')
    if (!snack || snack.dataset.timed) return
    snack.dataset.timed = '1'
    const leave = () => (snack.matches(':hover, :focus-within') ? setTimeout(leave, 2000) : snack.remove())
    setTimeout(leave, SNACK_MS)
  }).observe(document.body, { childList: true, subtree: true })
}

// Of what is yes or no the form offers what makes sense; the page says so where there is no script.
const field = document.querySelector('#list-filter [name="add_field"]')
if (field) {
  const ops = document.querySelector('#list-filter [name="add_op"]')
  const fit = () => {
    const flag = field.selectedOptions[0]?.dataset.kind === 'flag'
    for (const each of ops.options) each.hidden = each.disabled = flag && !('flag' in each.dataset)
    if (ops.selectedOptions[0]?.disabled) ops.value = 'equals'
  }
  field.addEventListener('change', fit)
  window.addEventListener('pageshow', fit)
}
