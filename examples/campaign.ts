// A campaign: searches and stress runs as jobs. Run `npx irqloom campaign examples/campaign.ts`; docs/campaigns.md says more.
import { defineCampaign } from 'irqloom';

export default defineCampaign({
  name: 'example',
  items: [
    // Files beside this one. Every failing schedule is counted, and the search goes on.
    { scenario: 'lost-update.mjs', strategy: ['dfs', 'random'], schedules: 20_000 },
    { scenario: 'plain-counter.mjs', strategy: 'dpor' },
    // Programs that come with irqloom: `npx irqloom explore --list` names them.
    { scenario: 'check-then-halt.fixed', strategy: 'dpor' },
    { scenario: 'add-3x10', strategy: 'random', schedules: 200_000 },
    // One schedule of each class, by a search that is cut into jobs.
    { scenario: 'futex-mutex-3', strategy: 'dpor' },
    // One topology under three seeds: signals while the machine is being changed.
    { stress: { vcpus: 2, devices: 2, events: 4 }, runs: 3, seconds: 2 },
  ],
});
