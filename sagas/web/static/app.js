// Comfort only: every page works without it, and nothing here decides anything.
"use strict";

// How long something is open, counted down.
function left(milliseconds) {
  const minutes = Math.floor(milliseconds / 60000);
  if (minutes < 0) return "over";
  if (minutes < 1) return "less than 1 min left";
  if (minutes < 60) return `${minutes} min left`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min left`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h left`;
}

function count() {
  for (const time of document.querySelectorAll("time[data-left], .gate time")) {
    const until = Date.parse(time.dateTime);
    const words = time.textContent.replace(/ \([^()]*\)$/, "");
    time.textContent = `${words} (${left(until - Date.now())})`;
  }
}

count();
setInterval(count, 20000);

// One click sends a form once. The button that was pressed still says what was chosen.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", () => {
    setTimeout(() => {
      for (const button of form.querySelectorAll("button")) button.disabled = true;
    });
  });
}
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form[data-once] button")) button.disabled = false;
});

// Somebody else may decide while a gate is being read.
const moved = document.querySelector("[data-moved]");
if (moved && moved.dataset.state === "pending") {
  const look = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(`/gates/${encodeURIComponent(moved.dataset.gate)}/state`);
      if (!answer.ok) return;
      const now = await answer.json();
      moved.hidden = now.state === "pending" && now.digest === moved.dataset.digest;
    } catch {
      // The next look may succeed.
    }
  };
  setInterval(look, 5000);
  document.addEventListener("visibilitychange", look);
}
