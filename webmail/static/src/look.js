// Light or dark letters on dark pages. The form does it without script; here the page stays, with all that is open in it.
const system = matchMedia('(prefers-color-scheme: dark)')
const theme = document.documentElement.dataset.bsTheme
const secure = location.protocol === 'https:' ? '; Secure' : ''
const form = document.querySelector('.look')

function paint() {
  // The server makes the colours of a letter, and learns here what the system prefers.
  document.cookie = `scheme=${system.matches ? 'dark' : 'light'}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`
  const dark = form?.dataset.look === 'dark' && (theme === 'dark' || (theme === 'auto' && system.matches))
  for (const frame of document.querySelectorAll('iframe.body:not(.is-text)')) {
    if (frame.classList.contains('is-dark') === dark) continue
    // First the ground, then what stands on it: nothing flashes.
    frame.classList.toggle('is-dark', dark)
    frame.src = frame.src
  }
}

paint()
system.addEventListener('change', paint)

form?.addEventListener('submit', async (event) => {
  event.preventDefault()
  const chosen = new URLSearchParams(new FormData(form))
  chosen.set('letters', event.submitter.value)
  const answer = await fetch(form.action, { method: 'POST', body: chosen, redirect: 'manual' }).catch(() => null)
  if (answer === null) return // nobody there: it stays as it is
  // What it answers is the way back to this page, which nobody left. Else it was not taken, and the page says why.
  if (answer.type !== 'opaqueredirect') return location.reload()
  form.dataset.look = event.submitter.value
  paint()
  form.querySelector(`[value="${form.dataset.look === 'dark' ? 'light' : 'dark'}"]`).focus()
})
