// Runs in the site: a group of the navigation opens and closes by its name, and its own page is the first of its pages.
const navigation = document.getElementById('tsd-nav-container');

function untangle() {
  for (const link of document.querySelectorAll('summary a')) {
    const summary = link.closest('summary');
    const list = summary.parentElement.querySelector('ul');
    const name = document.createElement('span');
    name.append(...link.cloneNode(true).childNodes);
    name.className = link.className;
    link.replaceWith(name);
    if (!list) continue;
    const item = document.createElement('li');
    link.textContent = 'Overview';
    item.append(link);
    list.prepend(item);
  }
}

untangle();
if (navigation) new MutationObserver(untangle).observe(navigation, { childList: true, subtree: true });
