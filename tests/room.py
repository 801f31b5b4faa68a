"""What a page has no room for, as the browser measures it: cut off, sticking out, too small, reached but unseen."""

from playwright.sync_api import Page

# WCAG 2.2, 2.5.5; a link in a line of text is exempt there ("inline"), and here.
TOUCH_PX = 44
_MEASURE = """(touch) => {
  const told = []
  const named = (e) => e.cloneNode(false).outerHTML + (e.textContent || '').trim().slice(0, 40)
  const closed = '[popover]:not(:popover-open), .visually-hidden, .skip-link, details:not([open]) > :not(summary)'
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest(closed)
  const page = document.documentElement
  if (page.scrollWidth > page.clientWidth) told.push(`the page is ${page.scrollWidth} px wide`)
  const cutBy = (e) => {
    for (let each = e; each; each = each.parentElement) {
      const style = getComputedStyle(each)
      if (style.overflowX !== 'visible' || style.clipPath !== 'none') return [each, style]
    }
  }
  for (const e of document.querySelectorAll('body *')) {
    if (!shown(e)) continue
    if ([...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim())) {
      const range = document.createRange()
      range.selectNodeContents(e)
      const right = Math.max(...[...range.getClientRects()].map((line) => line.right))
      const box = e.closest('.notice, .panel, .btn, .chip, .tile')
      const [edge, style] = cutBy(e) ?? []
      // The sign for what is cut off stands in lines of text alone, not where boxes lie beside each other.
      const isShortened = style?.textOverflow === 'ellipsis' && !/flex|grid/.test(style.display)
      const isMeant = isShortened || ['auto', 'scroll'].includes(style?.overflowX)
      const isOutside = !isMeant && box && right > box.getBoundingClientRect().right + 1
      if (isOutside) told.push(`sticks out: ${named(e)}`)
      else if (edge && !isMeant && style.clipPath === 'none' && right > edge.getBoundingClientRect().right + 1)
        told.push(`cut off: ${named(e)}`)
    }
    if (!e.matches('a, button, input:not([type=hidden]), select, summary')) continue
    const target = e.matches('[type=checkbox]') ? e.closest('label') ?? e : e
    const box = target.getBoundingClientRect()
    const [edge] = cutBy(e.parentElement) ?? []
    const seen = edge?.getBoundingClientRect()
    if (seen && (seen.width < 2 || seen.height < 2)) told.push(`reached and not seen: ${named(e)}`)
    else if (!e.closest('p:not(.one-file-back), dd, td') && Math.min(box.width, box.height) < touch - 0.5)
      told.push(`${Math.round(box.width)} x ${Math.round(box.height)} px: ${named(e)}`)
  }
  return [...new Set(told)]
}"""


def lacks_room(page: Page, *, touch_px: int = TOUCH_PX) -> list[str]:
    """What is wrong with the room of the page as it stands, in words; `touch_px` is what a target measures at least."""
    found: list[str] = page.evaluate(_MEASURE, touch_px)
    return found
