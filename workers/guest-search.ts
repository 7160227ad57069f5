import { serveGuestSearch } from '../src/guest-explore/guest-search-entry.ts';

await serveGuestSearch();
