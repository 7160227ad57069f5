/**
 * Thrown where what a search has assumed turns out wrong, and it has to begin anew knowing better: a thread touches bytes
 * that were another's own, or code writes shared memory unseen.
 */
export class Restart {}
