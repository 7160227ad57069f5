/**
 * Campaigns: searches and stress runs cut into jobs, which the threads of one machine or a fleet of workers
 * do, and the sum of their results.
 *
 * `file.ts` is the user's form of a campaign, `item.ts` the form that jobs read. `job.ts` does a job in a
 * thread. `tally.ts` adds results up and says which jobs follow. `ledger.ts` keeps both in a SQLite file: a
 * job in the file stays done, even if processes die. `conductor.ts` gives open jobs to a crew:
 * `local-crew.ts` is threads, `fleet/` BullMQ on Redis. `bundle.ts` packs the code under test for other
 * machines.
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
