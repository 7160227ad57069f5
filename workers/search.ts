import { serveSearch } from '../src/explore/real/search-entry.ts';

await serveSearch();
