// What a reader has selected stays: new content waits until nothing is selected in its place any more.
let pressed = null; // where the pointer went down: the beginning of a selection that is not there yet
const waiting = new Set();

for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => { pressed = null; });

/** Returns a function that draws content in these elements at once, or the newest content when they are free again. */
export function holdable(elements, draw, sign) {
  const isHeld = () => {
    const selection = getSelection();
    return elements.some((each) => each.contains(pressed) || (!selection.isCollapsed && selection.containsNode(each, true)));
  };
  let newest = [];
  const update = (...content) => {
    newest = content;
    if (isHeld()) waiting.add(update);
    else {
      waiting.delete(update);
      draw(...content);
    }
    sign.hidden = !waiting.size;
  };
  for (const each of elements) each.addEventListener("pointerdown", (event) => { pressed = event.target; });
  document.addEventListener("selectionchange", () => { if (waiting.has(update)) update(...newest); });
  return update;
}
