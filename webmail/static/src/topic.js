// A topic: all of its letters open or folded, and where reading begins. htmx fetches what comes into view.
const pieces = () => [...document.querySelectorAll('.topic .piece')]

document.addEventListener('click', (event) => {
  const fold = event.target.closest('[data-fold]')
  if (fold) for (const piece of pieces()) piece.open = fold.dataset.fold === 'open'
})

document.body.addEventListener('htmx:after:swap', (event) => {
  if (!event.detail?.ctx?.response?.raw?.ok) return
  const row = event.target.closest?.('.topic .row')
  row?.classList.remove('unread')
  row?.querySelector('.is-unread')?.remove()
})

// Who comes from a list begins at the first letter that is open; who comes back is where the browser puts him.
const first = pieces().find((piece) => piece.open)?.closest('.row')
const came = performance.getEntriesByType('navigation')[0]?.type === 'navigate'
if (first && came && !location.hash) {
  first.classList.add('at')
  // Before the page is painted, so that nothing above is taken for seen.
  if (first.previousElementSibling) first.scrollIntoView({ block: 'start' })
}
