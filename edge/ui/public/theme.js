// The look that was chosen, before anything is drawn: as a module it would come too late, and the page would flash.
(() => {
  try {
    const look = localStorage.getItem("whisper-edge.look");
    if (look === "light" || look === "dark") document.documentElement.dataset.look = look;
  } catch {
    // No storage: the system's choice holds.
  }
})();
