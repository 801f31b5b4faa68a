// What may be looked for, below the search box: the combobox with a list of WAI-ARIA APG. The browser's own list of
// suggestions shows only those that hold what was typed, and so hides “Sent” from who types “gesendet”.
const input = document.querySelector('#search')
const list = document.querySelector('#suggestions')
const options = () => [...list.children]
const active = () => list.querySelector('[aria-selected="true"]')
// Whether somebody has typed since the list was last closed: an answer that comes later must not open it again.
let typing = false

function close() {
  typing = false
  list.hidden = true
  input.setAttribute('aria-expanded', 'false')
  input.removeAttribute('aria-activedescendant')
}

function open() {
  list.hidden = !typing || document.activeElement !== input || !list.children.length
  input.setAttribute('aria-expanded', String(!list.hidden))
  input.removeAttribute('aria-activedescendant')
}

function move(step) {
  const all = options()
  const now = all.indexOf(active())
  // From either end the way leads back to what was typed.
  const next = now < 0 ? (step > 0 ? 0 : all.length - 1) : now + step
  all.forEach((each, place) => each.setAttribute('aria-selected', String(place === next)))
  if (!all[next]) return input.removeAttribute('aria-activedescendant')
  input.setAttribute('aria-activedescendant', all[next].id)
  all[next].scrollIntoView({ block: 'nearest' })
}

function take(option) {
  input.value = option.dataset.value
  close()
  input.focus()
  input.setSelectionRange(input.value.length, input.value.length)
}

if (input && list) {
  input.setAttribute('role', 'combobox')
  input.setAttribute('aria-autocomplete', 'list')
  input.setAttribute('aria-controls', list.id)
  close()
  input.addEventListener('input', () => {
    typing = Boolean(input.value)
    if (!typing) close()
  })
  input.addEventListener('blur', close)
  input.addEventListener('keydown', (event) => {
    if (event.isComposing || list.hidden) return
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') move(event.key === 'ArrowDown' ? 1 : -1)
    else if (event.key === 'Enter' && active()) take(active())
    else if (event.key === 'Escape') close()
    else return
    event.preventDefault()
  })
  // The box keeps the focus while a suggestion is pressed, by mouse or finger.
  list.addEventListener('mousedown', (event) => event.preventDefault())
  list.addEventListener('click', (event) => {
    const option = event.target.closest('[role="option"]')
    if (option) take(option)
  })
  document.body.addEventListener('htmx:after:swap', open)
}
