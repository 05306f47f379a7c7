/**
 * A clock that the test turns, a server that answers as told, storage that
 * several tabs share, and locks.
 */

/** Time stands still until advance() is called. */
export function fakeClock(start = Date.parse('2026-11-21T21:00:00Z')) {
  let now = start;
  let next = 1;
  const timers = new Map();

  const due = (until) => [...timers].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at)[0];

  return {
    now: () => now,
    random: () => 0.5,
    setTimeout(callback, ms) {
      timers.set(next, { at: now + ms, callback });
      return next++;
    },
    clearTimeout: (id) => timers.delete(id),

    /** Lets time pass, with all that falls due in it. */
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let timer = due(until); timer; timer = due(until)) {
        timers.delete(timer[0]);
        now = Math.max(now, timer[1].at);
        timer[1].callback();
        await settle();
      }
      now = until;
    },

    /** Lets the machine sleep: time passes and no timer runs until it wakes. */
    async sleep(ms) {
      now += ms;
      await this.advance(0);
    },

    get pending() {
      return timers.size;
    }
  };
}

/** Lets all promises that can be settled be settled. */
export async function settle() {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * A fetch that answers by the test's rules and keeps account.
 *
 * @param {Record<string, (request: { url: URL, init: RequestInit }) => unknown>} rules
 *   by the end of the path; an Error is a broken connection
 */
export function fakeFetch(rules) {
  const calls = [];
  const fetch = async (address, init = {}) => {
    const url = new URL(address);
    const method = init.method ?? 'GET';
    const found = Object.entries(rules).find(([rule]) => matches(rule, method, url));
    if (!found) throw new Error(`no rule for ${method} ${url}`);
    const headers = new Headers(init.headers);
    calls.push({ rule: found[0], url, method, headers, body: init.body });
    const answer = await found[1]({ url, headers, body: init.body });
    if (answer instanceof Error) throw answer;
    return answer instanceof Response ? answer : Response.json(answer);
  };
  return { fetch, calls, rules, count: (rule) => calls.filter((call) => call.rule === rule).length };
}

function matches(rule, method, url) {
  const [verb, path] = rule.split(' ');
  return verb === method && new RegExp(`${path}$`).test(url.pathname);
}

export const problem = (status, code, headers = {}) => Response.json({ code }, { status, headers });

/** One browser's storage, of which each tab has a view that hears of the others' writes. */
export function fakeBrowser() {
  const items = new Map();
  const tabs = new Set();
  const held = new Map();

  return {
    items,
    tab() {
      const events = new EventTarget();
      tabs.add(events);
      const tell = (key, newValue) => {
        for (const other of tabs) if (other !== events) other.dispatchEvent(Object.assign(new Event('storage'), { key, newValue }));
      };
      const area = {
        getItem: (key) => items.get(key) ?? null,
        setItem(key, value) {
          items.set(key, value);
          tell(key, value);
        },
        removeItem(key) {
          items.delete(key);
          tell(key, null);
        }
      };
      return { area, events };
    },

    locks: {
      async request(name, options, task) {
        if (options.ifAvailable && held.has(name)) return task(null);
        while (held.has(name)) await held.get(name);
        const run = Promise.resolve().then(() => task({ name }));
        held.set(name, run.catch(() => {}).then(() => held.delete(name)));
        return run;
      }
    }
  };
}
