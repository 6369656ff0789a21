// What a reader has selected stays: new content waits until nothing is selected in its place any more.
let pressed = null; // where the pointer went down: the beginning of a selection that is not there yet
const waiting = new Set(); // each draws its newest content, if its place is free

const drawWaiting = () => waiting.forEach((draw) => draw());
const release = () => {
  pressed = null;
  setTimeout(drawWaiting); // a click comes after the pointer went up, and must find its element
};

for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, release);
document.addEventListener("selectionchange", drawWaiting);

/** Returns a function that draws content in these elements at once, or the newest content when they are free again. */
export function holdable(elements, draw, sign) {
  const isHeld = () => {
    const selection = getSelection();
    return elements.some((each) => each.contains(pressed) || (!selection.isCollapsed && selection.containsNode(each, true)));
  };
  let newest = [];
  const drawNewest = () => {
    if (isHeld()) waiting.add(drawNewest);
    else {
      waiting.delete(drawNewest);
      draw(...newest);
    }
    sign.hidden = !waiting.size;
  };
  for (const each of elements) each.addEventListener("pointerdown", (event) => { pressed = event.target; });
  return (...content) => {
    newest = content;
    drawNewest();
  };
}
