/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers for the tests that use the driver vtest.ko
 *
 * Functions that can fail return -errno.  A struct vt_user is one way into one
 * device: container, group and device file.  Several may share a container.
 */
#ifndef SELFTESTS_VFIO_VTEST_LIB_H
#define SELFTESTS_VFIO_VTEST_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../../vtest/vtest.h"

#define VT_UUID_LEN	37
#define VT_PATH_LEN	256

struct vt_user {
	char uuid[VT_UUID_LEN];
	int group_nr;
	int container;
	int group;
	int device;
	bool own_container;
};

/* The machine we run on. */
bool vt_is_debug(void);
unsigned int vt_slack(void);
unsigned int vt_seconds(unsigned int by_default);
long long vt_now_ms(void);
void vt_sleep_ms(unsigned int ms);
void vt_expect_splat(const char *regex);

/* Files in sysfs and the like. */
int vt_write(const char *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int vt_read(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
long long vt_find_number(const char *text, const char *name);

/* The module, its parents and devices. */
int vt_load(const char *module);
int vt_unload(const char *module);
int vt_reset_world(void);
void vt_clean_world(void);
void vt_make_uuid(char *uuid);
int vt_create(const char *parent, const char *type, const char *uuid);
int vt_remove(const char *uuid);
bool vt_exists(const char *uuid);
int vt_group_nr(const char *uuid);
int vt_set_knob(const char *uuid, const char *knob, unsigned int value);
int vt_set_registered(const char *parent, bool on);
long long vt_stat(const char *uuid, const char *name);
long long vt_parent_stat(const char *parent, const char *name);
int vt_parent_violations(const char *parent, char *what, size_t size);
int vt_set_grace(unsigned int ms);
int vt_grace(void);
int vt_set_device_grace(const char *uuid, unsigned int ms);

/* A way into a device. */
void vt_user_init(struct vt_user *u);
int vt_attach(struct vt_user *u, int container, const char *uuid);
int vt_get_device(struct vt_user *u);
int vt_open(struct vt_user *u, int container, const char *uuid);
void vt_close(struct vt_user *u);
int vt_open_new(struct vt_user *u, int container, const char *parent,
		const char *type);
void vt_close_remove(struct vt_user *u);

/* Memory. */
int vt_map(int container, const void *vaddr, uint64_t iova, uint64_t size);
long long vt_unmap(int container, uint64_t iova, uint64_t size);
int vt_pin(int device, uint64_t iova, unsigned int npages, int prot,
	   uint64_t *pfns);
int vt_unpin(int device, uint64_t iova, unsigned int npages);
int vt_dma(int device, uint64_t iova, unsigned int len, unsigned int flags);
int vt_ioctl(int fd, unsigned long cmd, unsigned long arg);
int vt_set_req(int device, int eventfd);

/* Pages whose faults nobody answers, until vt_uffd_answer(). */
struct vt_uffd {
	int fd;
	char *mem;
	size_t size;
};

int vt_uffd_open(struct vt_uffd *uffd, size_t size);
int vt_uffd_answer(struct vt_uffd *uffd);
void vt_uffd_close(struct vt_uffd *uffd);

#endif
