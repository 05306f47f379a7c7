// Looks for new prompts without loading the page again, so that screen readers
// hear of them and the focus stays where it is.
const pause = 1500;

async function look() {
  try {
    const answer = await fetch(location.pathname, { cache: 'no-store' });
    if (answer.ok) {
      show(new DOMParser().parseFromString(await answer.text(), 'text/html'));
    }
  } catch {
    // The server may be starting again: the next look finds out.
  }
  setTimeout(look, pause);
}

function show(page) {
  document.title = page.title;
  for (const id of ['news', 'screen']) {
    const shown = document.getElementById(id);
    const fresh = page.getElementById(id);
    if (fresh && fresh.innerHTML !== shown.innerHTML) {
      const focused = document.activeElement?.id;
      shown.replaceChildren(...fresh.childNodes);
      if (focused && document.activeElement === document.body) {
        document.getElementById(focused)?.focus();
      }
    }
  }
}

setTimeout(look, pause);
