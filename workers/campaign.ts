export { doJob as campaign } from '../src/campaign/job.ts';
