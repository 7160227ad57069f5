/**
 * Campaigns: searches and stress runs cut into jobs, done by the threads of one machine or by a fleet of workers, and added up.
 *
 * `file.ts` is the campaign as the user writes it, `item.ts` as jobs read it. `job.ts` does a job in a thread. `tally.ts` adds
 * results up and says which jobs follow. `ledger.ts` keeps both in a SQLite file: what is in it is done, whatever dies.
 * `conductor.ts` gives open jobs to a crew: `local-crew.ts` is threads, `fleet/` BullMQ on Redis. `bundle.ts` packs the
 * code under test for other machines.
 */
export { type Code, packCode } from './bundle.ts';
export { checkCampaign } from './check-file.ts';
export { type Conducted, conduct } from './conductor.ts';
export type { Crew } from './crew.ts';
export type { Campaign, CampaignItem } from './file.ts';
export { reach } from './fleet/connection.ts';
export { FleetCrew } from './fleet/fleet-crew.ts';
export { serveFleet } from './fleet/fleet-worker.ts';
export type { Item, ItemSource } from './item.ts';
export { type Header, Ledger } from './ledger.ts';
export { LocalCrew } from './local-crew.ts';
export { type CampaignResult, type ItemFailure, type ItemResult, resultOfLedger } from './result.ts';
