// The page.
//   button[data-theme-toggle]     light or dark; kept in this browser
//   form[data-confirm="Really?"]  asks first; data-confirm-button="Lift it" is what the button
//                                 says, data-confirm-danger makes it red
//   button[data-copy="text"]      copies
//   details.menu                  closes when something else is clicked, and by Escape
//   [hx-trigger^=every]           waits while nobody looks, and while the keyboard's focus is in it, which would be lost
(() => {
  'use strict';
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');
  const dark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : system.matches);

  function nameToggles() {
    for (const b of document.querySelectorAll('[data-theme-toggle]')) b.setAttribute('aria-label', dark() ? 'Switch to light' : 'Switch to dark');
  }
  function changed() {
    nameToggles();
    document.dispatchEvent(new Event('gatehouse:theme'));
  }
  function toggleTheme() {
    const want = dark() ? 'light' : 'dark';
    const own = want === (system.matches ? 'dark' : 'light'); // back to what the system says
    if (own) delete root.dataset.theme; else root.dataset.theme = want;
    try {
      if (own) localStorage.removeItem('theme'); else localStorage.setItem('theme', want);
    } catch { /* holds for this page only */ }
    changed();
  }
  document.addEventListener('htmx:beforeRequest', (e) => {
    if (e.target.matches('[hx-trigger^="every"]') && (document.hidden || e.target.contains(document.activeElement))) e.preventDefault();
  });
  system.addEventListener('change', changed);
  nameToggles();

  function element(tag, className, text) {
    const e = document.createElement(tag);
    if (className) e.className = className;
    if (text) e.textContent = text;
    return e;
  }

  function ask(form, submitter) {
    const dialog = element('dialog', 'dialog');
    const body = element('div', 'dialog-body');
    const question = element('h2', '', form.dataset.confirm);
    question.id = 'dialog-question';
    dialog.setAttribute('aria-labelledby', question.id);
    body.append(question);
    if (form.dataset.confirmNote) body.append(element('p', 'muted', form.dataset.confirmNote));
    const foot = element('div', 'dialog-foot');
    const danger = 'confirmDanger' in form.dataset;
    const no = element('button', 'button', 'Cancel');
    const yes = element('button', `button button--primary${danger ? ' button--danger' : ''}`, form.dataset.confirmButton || (submitter && submitter.textContent.trim()) || 'Go on');
    no.type = yes.type = 'button';
    foot.append(no, yes);
    dialog.append(body, foot);
    document.body.append(dialog);
    let sure = false;
    no.addEventListener('click', () => dialog.close());
    yes.addEventListener('click', () => { sure = true; dialog.close(); });
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (!sure) return;
      form.dataset.confirmed = '1';
      form.requestSubmit(submitter);
    });
    dialog.showModal();
    (danger ? no : yes).focus();
  }

  document.addEventListener('submit', (e) => {
    const form = e.target;
    if (!form.matches('form[data-confirm]')) return;
    if (form.dataset.confirmed) {
      delete form.dataset.confirmed;
      return;
    }
    e.preventDefault();
    e.stopPropagation();
    ask(form, e.submitter);
  }, true);

  document.addEventListener('click', (e) => {
    const target = e.target instanceof Element ? e.target : null;
    if (!target) return;
    if (target.closest('[data-theme-toggle]')) toggleTheme();
    const copy = target.closest('[data-copy]');
    if (copy && navigator.clipboard) {
      navigator.clipboard.writeText(copy.dataset.copy).then(() => {
        const before = copy.title;
        copy.title = 'Copied';
        copy.classList.add('is-copied');
        setTimeout(() => { copy.title = before; copy.classList.remove('is-copied'); }, 1500);
      }, () => {});
    }
    for (const menu of document.querySelectorAll('details.menu[open]')) if (!menu.contains(target)) menu.open = false;
  });
  document.addEventListener('keydown', (e) => {
    if (e.key !== 'Escape') return;
    for (const menu of document.querySelectorAll('details.menu[open]')) {
      menu.open = false;
      menu.querySelector('summary').focus();
    }
  });
})();
