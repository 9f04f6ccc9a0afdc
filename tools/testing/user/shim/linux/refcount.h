/* SPDX-License-Identifier: GPL-2.0-only */
/* Pure logic has it in structures only. */
typedef struct {
	int refs;
} refcount_t;
