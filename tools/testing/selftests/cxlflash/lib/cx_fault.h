/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sweeps of faults, and where they begin: files and devices for stores
 */
#ifndef CX_FAULT_H
#define CX_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct cx_step - a call that succeeds when nothing fails
 * @name: for messages
 * @call: the call; 0 or -errno
 * @undo: undoes a success, with no fault injected; or NULL
 * @works: has a success done all that it should? or NULL
 * @is_clean: has a failure, or what @undo has undone, left nothing? or NULL
 * @also: an errno that a failure may have besides fault_is_errno()'s, or 0
 * @slow: takes seconds: fewer faults are tried
 */
struct cx_step {
	const char *name;
	int (*call)(void *arg);
	void (*undo)(void *arg);
	bool (*works)(void *arg);
	bool (*is_clean)(void *arg);
	int also;
	bool slow;
};

/*
 * Repeat a step until it gets by with no fault met.  Each of the first faults
 * is tried, of those behind some; all of them if VFIO_TEST_SECONDS is set.
 * Returns how many complaints it has printed.
 */
int cx_sweep(int fail_nth, const struct cx_step *step, void *arg);

/* A file system and a loop device below @dir; undone by cx_backing_end(). */
int cx_backing(const char *dir);
void cx_backing_end(const char *dir);
/* What a store of a kind is in, NULL: it needs nothing. */
const char *cx_backing_path(const char *store);

/* The disk of adapter "t", as a name in /dev; false: there is none. */
bool cx_disk(char *dev, size_t size);
bool cx_wait_disk(char *dev, size_t size, unsigned int ms);

#endif /* CX_FAULT_H */
