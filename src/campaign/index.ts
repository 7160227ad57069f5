/**
 * Campaigns: searches and stress runs cut into jobs, done by the threads of one machine or by a fleet of workers, and added up.
 *
 * `file.ts` is the campaign as the user writes it, `item.ts` as jobs read it. `job.ts` does a job in a thread. `tally.ts` adds
 * results up and says which jobs follow. `ledger.ts` keeps both in a SQLite file: what is in it is done, whatever dies.
 * `conductor.ts` gives open jobs to a crew: `local-crew.ts` is threads, `fleet/` BullMQ on Redis. `bundle.ts` packs the
 * code under test for other machines.
 */
export type { Code } from './bundle.ts';
export { packCode, unpackCode } from './bundle.ts';
export { type Conducted, conduct } from './conductor.ts';
export type { Crew, WorkerSeen } from './crew.ts';
export { type Campaign, type CampaignItem, checkCampaign, defineCampaign } from './file.ts';
export type { Item, ItemSource } from './item.ts';
export { doJob } from './job.ts';
export { Ledger } from './ledger.ts';
export { LocalCrew } from './local-crew.ts';
export { type CampaignResult, type ItemResult, resultOfLedger } from './result.ts';
