// For the page behind a link to a transcript whose audio was kept: a time plays from there, and the segment that is heard is
// marked. Without it the page is read as well, and its times open the audio where they point.
const audio = document.querySelector("audio");
const times = [...document.querySelectorAll(".segments a")];
const starts = times.map((time) => Number(time.hash.slice("#t=".length)));
let heard = null;

times.forEach((time, index) => {
  time.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    audio.currentTime = starts[index];
    audio.play().catch(() => {});
  });
});

audio.addEventListener("timeupdate", () => {
  const now = times[starts.findLastIndex((start) => start <= audio.currentTime)]?.closest("li") ?? null;
  if (now === heard) return;
  heard?.removeAttribute("aria-current");
  now?.setAttribute("aria-current", "true");
  heard = now;
});
