// Printing what is open, or a whole topic: then each letter is fetched and has its height before the paper is made.
const ended = new WeakSet()
document.addEventListener('htmx:finally:request', (event) => ended.add(event.target))

// What was not in view yet is asked for as if it were; htmx asks once.
const fetched = (place) =>
  new Promise((resolve) => {
    if (ended.has(place)) return resolve()
    place.addEventListener('htmx:finally:request', resolve, { once: true })
    place.dispatchEvent(new CustomEvent('intersect'))
  })

const shown = (frame) =>
  new Promise((resolve) => {
    const inside = frame.contentDocument
    if (inside?.readyState === 'complete' && inside.URL !== 'about:blank') return resolve()
    frame.addEventListener('load', resolve, { once: true })
  })

// Whoever closes the menu meanwhile has thought better of it.
async function whole(menu) {
  const state = menu.querySelector('[role="status"]')
  for (const piece of document.querySelectorAll('.topic .piece')) piece.open = true
  const places = [...document.querySelectorAll('.topic .opened')]
  for (const [before, place] of places.entries()) {
    state.textContent = state.dataset.progress.replace('#', before + 1)
    await fetched(place)
    await Promise.all([...place.querySelectorAll('iframe.body')].map(shown))
    if (!menu.matches(':popover-open')) return false
  }
  return true
}

let busy = false
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-print]')
  if (!button || busy) return
  const menu = button.closest('[popover]')
  if (button.dataset.print === 'all') {
    busy = true
    const all = await whole(menu)
    busy = false
    menu.querySelector('[role="status"]').textContent = ''
    if (!all) return
  }
  menu?.hidePopover()
  window.print()
})
