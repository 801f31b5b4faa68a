// What somebody asked for and did not get is said. What the page asks by itself it asks again by itself.

const place = document.querySelector('#toast')
document.body.addEventListener('htmx:finally:request', (event) => {
  const answer = event.detail.ctx.response?.raw
  const leads = answer?.headers.has('HX-Redirect')
  if (!place || !event.target.matches('form') || answer?.ok || leads) return
  place.replaceChildren(document.querySelector('#not-done').content.cloneNode(true))
})
