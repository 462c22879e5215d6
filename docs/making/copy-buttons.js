// The theme puts the button that copies a block of code into a <nav>, and adds it when the block comes into view. A landmark
// for each block would bury those of the page.
function unmark() {
  for (const one of document.querySelectorAll("nav.md-code__nav:not([role])")) one.setAttribute("role", "none");
}
new MutationObserver(unmark).observe(document.documentElement, {childList: true, subtree: true});
unmark();
