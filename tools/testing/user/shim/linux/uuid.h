/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The type of UUIDs, for host builds
 */
#ifndef SHIM_LINUX_UUID_H
#define SHIM_LINUX_UUID_H

#include <linux/types.h>

typedef struct {
	__u8 b[16];
} uuid_t;

#endif /* SHIM_LINUX_UUID_H */
