import { escaped } from './markup.ts';

/** A button that copies a text; hidden until the page's script gives the button its work. */
export function copyButton(name: string, text: string, id = ''): string {
  return `<button type="button" class="copy"${id && ` id="${id}"`} data-name="${escaped(name)}" data-copy="${escaped(text)}" hidden>${escaped(name)}</button>`;
}

/** The token of a failing schedule, and the command that runs the schedule again, to copy. */
export function repeatCard(token: string, repeat: string | undefined): string {
  return `<section class="card" id="repeat"><h3>Repeat the failure</h3><p>The token holds the schedule; the command runs the schedule again, step by step.</p><p><code class="long">${escaped(repeat ?? token)}</code></p>${copyButton('Copy the token', token)}${repeat === undefined ? '' : ` ${copyButton('Copy the command', repeat)}`}</section>`;
}

/** The script of a page with buttons of {@link copyButton}: a click copies the text of the button. */
export const COPY_SCRIPT = `
for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
      button.focus();
    }
    button.textContent = 'Copied';
  });
}`;
