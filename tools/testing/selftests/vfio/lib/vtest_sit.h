/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Child processes that do something with a device while it is removed
 */
#ifndef SELFTESTS_VFIO_VTEST_SIT_H
#define SELFTESTS_VFIO_VTEST_SIT_H

#include "vtest_lib.h"

struct sit;

/**
 * struct vt_situation - what a child does
 * @name: for messages
 * @type: of the device
 * @setup: gets into it
 * @after: checks what is special to it, or NULL
 * @stop: the child stops itself
 * @killed: the removal kills the child
 */
struct vt_situation {
	const char *name;
	const char *type;
	int (*setup)(struct sit *s);
	int (*after)(struct sit *s);
	bool stop;
	bool killed;
};

/**
 * struct vt_child - the test's view of a child
 * @what: its situation
 * @uuid: its device
 * @pid: its process
 * @ready: it writes a byte when it is in the situation
 * @go: it reads a byte when the device has been removed
 */
struct vt_child {
	const struct vt_situation *what;
	char uuid[VT_UUID_LEN];
	pid_t pid;
	int ready;
	int go;
};

#define VT_NR_SITUATIONS	19

extern const struct vt_situation vt_situations[VT_NR_SITUATIONS];

int vt_child_start(struct vt_child *c, const struct vt_situation *what,
		   const char *parent);
int vt_child_wait_ready(struct vt_child *c);
int vt_child_finish(struct vt_child *c);

#endif
