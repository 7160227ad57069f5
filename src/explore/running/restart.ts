/**
 * Thrown when a search's assumption proves wrong, and the search must start over with the new knowledge: a thread
 * touches bytes that another thread owned, or code writes shared memory unseen.
 */
export class Restart {}
