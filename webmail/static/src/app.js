// What the pages do beyond links and forms. Everything here is comfort: without script each page still works.
import 'htmx.org'
import './failed.js'
import './frame.js'
import './keys.js'
import './list.js'
import './look.js'
import './pictures.js'
import './print.js'
import './suggest.js'
import './topic.js'

const secure = location.protocol === 'https:' ? '; Secure' : ''
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
// Times are written by the server, which learns the clock of this browser here.
if (zone) document.cookie = `zone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`

document.documentElement.classList.add('scripted')

document.addEventListener('click', (event) => {
  const dismiss = event.target.closest('[data-dismiss]')
  if (dismiss) dismiss.closest('.snack')?.remove()
  const earlier = event.target.closest('[data-earlier]')
  if (earlier) {
    // The order of the columns is that of their boxes. What moved has lost the focus, and the first one has no button.
    const moved = earlier.parentElement
    if (moved.previousElementSibling?.matches('.column-pick')) moved.previousElementSibling.before(moved)
    const first = !moved.previousElementSibling?.matches('.column-pick')
    ;(first ? moved.querySelector('input') : earlier).focus()
  }
  const show = event.target.closest('[data-show]')
  if (show) {
    document.querySelector('#menu')?.hidePopover()
    document.querySelector(show.dataset.show)?.showModal()
  }
})
