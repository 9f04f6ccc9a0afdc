/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults injected into the kernel
 *
 * Into the calling thread: with n armed, the n-th allocation, or copy from or
 * to user memory, that the thread makes in the kernel from then on fails.  Or
 * into whoever comes, also workers: the n-th allocation fails that is made
 * below certain functions.
 *
 * Needs a kernel with fault injection, which the stock one has not.
 */
#ifndef SELFTESTS_FAULT_H
#define SELFTESTS_FAULT_H

#include <stdbool.h>

/* No call meets that many. */
#define FAULT_MAX_NTH	2000

bool fault_can_inject(void);
/* Returns a descriptor for the two below, or -errno. */
int fault_open(void);
void fault_arm(int fd, int nth);
/* Returns true if the fault has been injected. */
bool fault_disarm(int fd);

/* What a call that has met a fault may say. */
bool fault_is_errno(int ret);

/*
 * Only what is called by the code of a module, or by a function of the kernel
 * proper, counts from now on; NULL: everything does.  0 or -errno.
 */
int fault_below_module(const char *module);
int fault_below_function(const char *name);
/* Whatever else is set, what is called by this function does not count. */
int fault_not_below_function(const char *name);
void fault_below_all(void);

/*
 * One of the next @nth allocations of anybody fails, of objects and of pages
 * each; with fault_below_*().  Which one depends on those counted before, so
 * @nth had better be random: one that grows with the count is no sweep.
 */
void fault_arm_all(int nth);
/* Returns true if the fault has been injected. */
bool fault_disarm_all(void);

#endif
