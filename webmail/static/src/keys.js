// The Gmail set, as far as there is something to do with it yet. Single keys, so they can be switched off (WCAG 2.1.4).
const OFF = 'keys-off'
// g and then i within this time.
const SECOND_KEY_MS = 1500
let wentAt = 0
const help = document.querySelector('#keys')
const off = document.querySelector('#keys-off')
if (off) {
  off.checked = localStorage.getItem(OFF) === '1'
  off.addEventListener('change', () => (off.checked ? localStorage.setItem(OFF, '1') : localStorage.removeItem(OFF)))
}

const rows = () => [...document.querySelectorAll('#letters > .row, #letters .row-line')]
const at = () => document.querySelector('#letters .at')
const link = (row) => row?.querySelector('.row-link, .row-link-cell')

function go(step) {
  const all = rows()
  if (!all.length) return document.querySelector(step > 0 ? '#older' : '#newer')?.click()
  const now = all.indexOf(at())
  const next = all[Math.min(Math.max(now + step, 0), all.length - 1)]
  at()?.classList.remove('at')
  next.classList.add('at')
  link(next).focus()
  next.scrollIntoView({ block: 'nearest' })
}

// Whoever comes back from a letter goes on from there.
// Not before the page stands: the browser goes to the place of the address by itself, and takes the focus from what has it.
window.addEventListener('pageshow', () => {
  const left = /^#letter-\d+$/.test(location.hash) && !at() && document.querySelector(`#letters ${location.hash}`)
  if (!left) return
  left.classList.add('at')
  link(left)?.focus()
})

function mark(value) {
  if (!rows().length) return value === 'unread' && document.querySelector('#mark-unread')?.click()
  if (!document.querySelector('#letters input:checked')) at()?.querySelector('input')?.click()
  if (document.querySelector('#letters input:checked')) document.querySelector(`#marks [value="${value}"]`)?.click()
}

const actions = {
  j: () => go(1),
  k: () => go(-1),
  o: () => link(at())?.click(),
  u: () => document.querySelector('#back')?.click(),
  x: () => at()?.querySelector('input')?.click(),
  g: () => { wentAt = Date.now() },
  i: () => Date.now() - wentAt < SECOND_KEY_MS && document.querySelector('.brand')?.click(),
  t: () => Date.now() - wentAt < SECOND_KEY_MS && document.querySelector('[data-key="g t"]')?.click(),
  '/': () => document.querySelector('#search')?.focus(),
  '?': () => help?.showModal(),
  I: () => mark('read'),
  U: () => mark('unread'),
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
  if (event.target.closest?.('input:not([type="checkbox"]), textarea, select, dialog, [contenteditable]')) return
  if (localStorage.getItem(OFF) === '1' && event.key !== '?') return
  const action = actions[event.key]
  if (action) {
    event.preventDefault()
    action()
  }
})
