/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the VFIO selftests share
 *
 * The grammar: __vfio_x() returns what happened, a negative errno for a
 * failure; vfio_x() expects success, and otherwise fails the running test at
 * once: it says why, removes the devices that this process has made, and
 * exits.
 *
 * A test program is one process, and each TEST of it a child of that.
 */
#ifndef VFIO_LIB_H
#define VFIO_LIB_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <linux/vfio.h>

#define VFIO_UUID_LEN	37
#define VFIO_PATH_LEN	256

#define VFIO_ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define VFIO_ENDOF(type, member)					\
	(offsetof(type, member) + sizeof(((type *)NULL)->member))

/* --- failing */

/* Fail the running test: message, clean up, exit. */
void vfio_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));

#define VFIO_FAIL(...)	vfio_fail(__FILE__, __LINE__, __VA_ARGS__)
#define VFIO_CHECK(cond)						\
	do {								\
		if (!(cond))						\
			VFIO_FAIL("%s", #cond);				\
	} while (0)

/* A line of TAP comment. */
void vfio_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- where we run */

size_t vfio_page_size(void);
/* The debug kernel: lockdep, KASAN, panic_on_warn.  From VM_KERNEL. */
bool vfio_kernel_is_debug(void);
/* How much longer than it should a step may take on this kernel. */
unsigned int vfio_slack_ms(void);
/*
 * The rig fails a run in which the kernel complained.  Announce a complaint,
 * an extended regular expression, before it is provoked.
 */
void vfio_expect_splat(const char *regex);

/* --- time */

uint64_t vfio_now_ms(void);
void vfio_sleep_ms(unsigned int ms);

/* How much slower than expected a machine may be: nothing that works waits. */
#define VFIO_PATIENCE	5

/* Wait until @cond holds; false if it does not in many times @ms. */
#define VFIO_WAIT(cond, ms)						\
({									\
	uint64_t __deadline = vfio_now_ms() + VFIO_PATIENCE * (ms);	\
	bool __ok;							\
									\
	while (!(__ok = (cond)) && vfio_now_ms() < __deadline)		\
		vfio_sleep_ms(5);					\
	__ok;								\
})

/* --- modules: 0 or -errno; loading through modprobe knows -EINVAL only */

bool vfio_module_loaded(const char *name);
int __vfio_module_load(const char *name, const char *args);
void vfio_module_load(const char *name, const char *args);
int __vfio_module_unload(const char *name);
void vfio_module_unload(const char *name);
/* See that the parent "mram", "vtest0", ... and the backend are there. */
void vfio_need_parent(const char *parent);

/* --- files of sysfs: __vfio_attr_read() returns the length, no newline */

int __vfio_attr_write(const char *path, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void vfio_attr_write(const char *path, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int __vfio_attr_read(const char *path, char *buf, size_t size);
long vfio_attr_read_long(const char *path);

/* --- mediated devices */

void vfio_uuid_random(char uuid[VFIO_UUID_LEN]);
int __vfio_mdev_create(const char *parent, const char *type, const char *uuid);
/* With a random UUID, which is returned in @uuid. */
void vfio_mdev_create(const char *parent, const char *type,
		      char uuid[VFIO_UUID_LEN]);
int __vfio_mdev_remove(const char *uuid);
void vfio_mdev_remove(const char *uuid);
bool vfio_mdev_exists(const char *uuid);
/* Remove every device this process has made and that is still there. */
void vfio_mdev_cleanup(void);
/* The path of an attribute of the device. */
void vfio_mdev_path(const char *uuid, const char *attr,
		    char path[VFIO_PATH_LEN]);
/* The number of its group; -ENOENT when it has gone. */
int __vfio_mdev_group(const char *uuid);
int vfio_mdev_group(const char *uuid);
/* Its directory .../vfio-dev/vfioN; false when there is none. */
bool vfio_mdev_vfio_dir(const char *uuid, char path[VFIO_PATH_LEN]);
/* The grace that its removal gives its user. */
void vfio_mdev_set_grace(const char *uuid, unsigned int ms);

/* --- file descriptors */

/* ioctl() that returns -errno for a failure. */
int __vfio_ioctl(int fd, unsigned long cmd, const void *arg);
int vfio_ioctl(int fd, unsigned long cmd, const void *arg);
int __vfio_ioctl_nr(int fd, unsigned long cmd, unsigned long arg);

int __vfio_container_open(void);
int vfio_container_open(void);
int __vfio_group_open(int nr);
int vfio_group_open(int nr);
int __vfio_group_status(int group);
int vfio_group_status(int group);
int __vfio_group_set_container(int group, int container);
void vfio_group_set_container(int group, int container);
int __vfio_group_unset_container(int group);
void vfio_group_unset_container(int group);
int __vfio_container_set_iommu(int container, unsigned long type);
void vfio_container_set_iommu(int container, unsigned long type);
int __vfio_group_get_device(int group, const char *name);
int vfio_group_get_device(int group, const char *name);

/* --- a device, ready to be used */

/**
 * struct vfio_user - a device and the descriptors it takes to use it
 * @uuid: its name
 * @group_nr: the number of its group
 * @container: descriptor, or -1
 * @group: descriptor, or -1
 * @device: descriptor, or -1
 */
struct vfio_user {
	char uuid[VFIO_UUID_LEN];
	int group_nr;
	int container;
	int group;
	int device;
};

/* Create a device, a container of its own (type 1 v2), and open everything. */
void vfio_user_open(struct vfio_user *u, const char *parent, const char *type);
/* The same, in @container, which has a backend if other groups are in it. */
void vfio_user_open_in(struct vfio_user *u, const char *parent,
		       const char *type, int container);
/* With a given backend type. */
void vfio_user_open_type(struct vfio_user *u, const char *parent,
			 const char *type, unsigned long iommu);
/* Close the descriptors (the container only if it is the user's own). */
void vfio_user_close_fds(struct vfio_user *u);
/* Close them and remove the device, if it is still there. */
void vfio_user_close(struct vfio_user *u);

/* --- type 1 */

int __vfio_map_flags(int container, uint32_t flags, const void *vaddr,
		     uint64_t iova, uint64_t size);
int __vfio_map(int container, const void *vaddr, uint64_t iova, uint64_t size);
void vfio_map(int container, const void *vaddr, uint64_t iova, uint64_t size);
/* @unmapped, which may be NULL, receives how much has gone. */
int __vfio_unmap_flags(int container, uint32_t flags, uint64_t iova,
		       uint64_t size, uint64_t *unmapped);
int __vfio_unmap(int container, uint64_t iova, uint64_t size,
		 uint64_t *unmapped);
void vfio_unmap(int container, uint64_t iova, uint64_t size);
void vfio_unmap_all(int container);

/* --- device */

void vfio_device_info(int device, struct vfio_device_info *info);
int __vfio_region_info(int device, uint32_t index,
		       struct vfio_region_info *info);
void vfio_region_info(int device, uint32_t index,
		      struct vfio_region_info *info);
/* With its capabilities; free() it. */
struct vfio_region_info *vfio_region_info_caps(int device, uint32_t index);
/* Find a capability in an answer; NULL if it has none of that id. */
const struct vfio_info_cap_header *vfio_find_cap(const void *info,
						 uint32_t cap_offset,
						 uint16_t id);
int __vfio_irq_info(int device, uint32_t index, struct vfio_irq_info *info);
void vfio_irq_info(int device, uint32_t index, struct vfio_irq_info *info);
/* SET_IRQS with @data_len bytes of @data behind the header. */
int __vfio_set_irqs(int device, uint32_t flags, uint32_t index, uint32_t start,
		    uint32_t count, const void *data, size_t data_len);
/* One eventfd (or -1) as the trigger of one interrupt. */
int __vfio_set_trigger(int device, uint32_t index, uint32_t vector, int fd);
/* Turn an index off. */
int __vfio_disable_irqs(int device, uint32_t index);

/* FEATURE with a payload, copied in and out. @flags has the id and the verb. */
int __vfio_feature(int device, uint32_t flags, void *payload, size_t len);

/* --- memory */

/* Anonymous shared memory, zeroed, page aligned; munmap() it. */
void *vfio_mem_alloc(size_t size);
void vfio_mem_free(void *mem, size_t size);
/* @len bytes that end where memory ends: a byte more faults. */
void *vfio_guard_alloc(size_t len);
void vfio_guard_free(void *mem, size_t len);
/* Fill and compare with a pattern that @seed selects. */
void vfio_pattern_fill(void *mem, size_t size, uint32_t seed);
bool vfio_pattern_matches(const void *mem, size_t size, uint32_t seed);

/* --- eventfds */

int vfio_eventfd(void);
/* The count, which becomes 0; 0 if it is not signalled within @ms. */
uint64_t vfio_eventfd_wait(int fd, unsigned int ms);

/* --- processes */

/* End a child and reap it. */
void vfio_child_kill(pid_t pid);
/* The exit status of a child, -1 if it dies by a signal or does not end. */
int vfio_child_wait(pid_t pid, unsigned int ms);

#endif /* VFIO_LIB_H */
