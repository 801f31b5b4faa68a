// A picture that cannot be shown leaves its tile to the sign behind it, where the browser would show a broken one.

const PICTURES = '.file-sign img, .tile-face img'
document.addEventListener('error', (event) => {
  if (event.target.matches?.(PICTURES)) event.target.remove()
}, true)
// Those that failed before this was read.
for (const picture of document.querySelectorAll(PICTURES)) {
  if (picture.complete && !picture.naturalWidth) picture.remove()
}
