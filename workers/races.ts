import { serveRaces } from '../src/races/races-entry.ts';

await serveRaces();
