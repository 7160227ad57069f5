/**
 * The script of the page of a failing schedule, as text: the project knows no types of the DOM. The script reads the data
 * that stepper.ts writes, and puts the data into the page as text, never as markup.
 */
export const STEPPER_SCRIPT = `
(() => {
  const $ = (id) => document.getElementById(id);
  const data = $('schedules') && JSON.parse($('schedules').textContent);
  if (!data) return;
  const { threads, words, texts, sites, stories, passing } = data;
  const failing = stories[0];
  const element = (name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  // All steps of a schedule: an alternative begins with those of the failing one.
  const stepsOf = (n) => n === 0 ? failing.steps : [...failing.steps.slice(0, stories[n].from - failing.from), ...stories[n].steps];
  const valuesAfter = (n, position) => {
    const values = [...data.before];
    for (const step of stepsOf(n).slice(0, position))
      for (let i = 4; i < step.length; i += 2) values[step[i]] = texts[step[i + 1]];
    return values;
  };
  let story = 0;
  let position = 0;
  let listed = -1;

  const fill = (list, n) => {
    list.replaceChildren(...stepsOf(n).map(([thread, text, site, stopped], i) => {
      const item = element('li');
      const button = element('button', undefined, 'c' + (thread % 8) + (n > 0 && i >= stories[n].from - failing.from ? ' other' : ''));
      button.type = 'button';
      button.append(element('span', (failing.from + i) + (stopped ? ' ▶ ' : ' ') + threads[thread] + '  ' + texts[text]));
      if (sites[site].name !== '') button.append(element('small', sites[site].name));
      button.addEventListener('click', () => go(n, i + 1));
      item.append(button);
      return item;
    }));
  };
  const mark = (list, n) => {
    [...list.querySelectorAll('button')].forEach((button, i) => {
      const isAt = n === story && i === position - 1;
      button.tabIndex = isAt || (i === 0 && (n !== story || position === 0)) ? 0 : -1;
      if (!isAt) return button.removeAttribute('aria-current');
      button.setAttribute('aria-current', 'step');
      const top = button.offsetTop - list.offsetTop;
      if (top < list.scrollTop || top + button.offsetHeight > list.scrollTop + list.clientHeight)
        list.scrollTop = top - list.clientHeight / 2;
    });
  };
  const go = (n, to) => {
    story = n;
    position = Math.max(0, Math.min(stepsOf(n).length, to));
    show();
  };
  const show = () => {
    const steps = stepsOf(story);
    const step = steps[position - 1];
    // The passing schedule has a list of its own; the list of the failing schedule stays beside.
    const told = story === passing ? 0 : story;
    if (told !== listed) {
      listed = told;
      fill($('told'), told);
      const { from, thread, ends, how } = stories[told];
      $('told-name').textContent = told === 0 ? 'The schedule that fails' : 'What if ' + threads[thread] + ' goes on at step ' + from;
      $('told-ends').textContent = ends;
      $('told-ends').className = 'ends ' + how;
      $('home').hidden = told === 0;
      $('told-token').dataset.copy = stories[told].token;
      $('told-token').textContent = $('told-token').dataset.name;
    }
    mark($('told'), told);
    if (passing > 0) mark($('passing'), passing);
    const last = failing.from + steps.length - 1;
    $('where').textContent = (step ? 'step ' + (failing.from + position - 1) : 'before step ' + failing.from) + ' of ' + last +
      (story === 0 ? '' : story === passing ? ', the schedule that passes' : ', what if');
    for (const button of document.querySelectorAll('[data-go]'))
      button.disabled = /first|back/.test(button.dataset.go) ? position === 0 : position === steps.length;
    $('does').textContent = step ? threads[step[0]] + '  ' + texts[step[1]] : 'Before the first step';
    const site = step && sites[step[2]];
    $('source').hidden = !site || (site.name === '' && site.lines.length === 0);
    $('source').replaceChildren(...(site ? [site.name + '\\n', ...site.lines.map(([number, text, isIt]) => element(isIt ? 'b' : 'span', number + '  ' + text + '\\n'))] : []));
    const before = position > 0 ? valuesAfter(story, position - 1) : [];
    const changed = new Set(step ? step.filter((_, i) => i >= 4 && i % 2 === 0) : []);
    $('words').replaceChildren(...valuesAfter(story, position).map((value, w) => {
      const row = element('tr', undefined, changed.has(w) ? 'changed' : '');
      row.append(element('td', words[w]), element('td', changed.has(w) ? value + ' (was ' + before[w] + ')' : value));
      return row;
    }));
    const others = story === 0 ? stories.map((other, n) => [other, n]).filter(([other, n]) => n > 0 && other.from === failing.from + position) : [];
    $('others').replaceChildren(...(others.length === 0 ? [] : [element('h4', 'What if, in the place of ' + threads[steps[position][0]] + ', at step ' + (failing.from + position))]), ...others.map(([other, n]) => {
      const button = element('button', threads[other.thread] + ' goes on: ');
      button.type = 'button';
      button.append(element('span', other.ends, other.how));
      button.addEventListener('click', () => {
        go(n, position + 1);
        ($('home').hidden ? document.querySelector('#passing [aria-current]') : $('home')).focus();
      });
      return button;
    }));
    for (const row of document.querySelectorAll('tr[data-step]'))
      row.classList.toggle('at', story === 0 && Number(row.dataset.step) === failing.from + position - 1);
  };
  const moves = {
    first: () => go(story, 0),
    back: () => go(story, position - 1),
    on: () => go(story, position + 1),
    last: () => go(story, stepsOf(story).length),
  };
  const keys = { Home: 'first', ArrowLeft: 'back', ArrowRight: 'on', End: 'last' };
  document.addEventListener('keydown', (event) => {
    const move = keys[event.key];
    if (!move || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    // A region that scrolls sideways keeps its own keys.
    if (event.target.closest && event.target.closest('.scroll, pre')) return;
    event.preventDefault();
    moves[move]();
    const at = document.querySelector('#stepper [aria-current]');
    if (document.activeElement && document.activeElement.closest('#stepper ol') && at) at.focus();
  });
  for (const button of document.querySelectorAll('[data-go]'))
    button.addEventListener('click', () => moves[button.dataset.go]());
  for (const row of document.querySelectorAll('tr[data-step]'))
    row.addEventListener('click', () => go(0, Number(row.dataset.step) - failing.from + 1));
  $('home').addEventListener('click', () => {
    go(0, Math.min(position, stories[story].from - failing.from));
    document.querySelector('[data-go=on]').focus();
  });
  if (passing > 0) {
    fill($('passing'), passing);
    $('passing-ends').textContent = threads[stories[passing].thread] + ' goes on at step ' + stories[passing].from;
  }
  $('stepper').hidden = false;
  go(0, 0);
})();`;
