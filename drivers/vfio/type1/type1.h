/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The type 1 backend: verbs over ranges
 *
 * type1.c   backend, groups, extensions, GET_INFO, module
 * map.c     MAP_DMA and UNMAP_DMA
 * track.c   DIRTY_PAGES
 * user.c    open devices: pin, unpin, copy, and telling them about unmaps
 *
 * Lock order: &type1.lock > &type1.users_lock > &pages_range.lock.  None of
 * them is held across a fault, a copy to or from user space, an mmput() or a
 * driver's callback.
 */
#ifndef VFIO_TYPE1_TYPE1_H
#define VFIO_TYPE1_TYPE1_H

#include <linux/gate.h>
#include <linux/rwsem.h>
#include <linux/vfio.h>

#include "../backend.h"
#include "pages.h"

/**
 * struct type1 - a backend
 * @lock: protects @tree, @avail and @tracking, and dirty bitmaps coming and
 *	going: shared for those that look, exclusive for those that change
 * @tree: mapped ranges
 * @avail: ranges that may still be mapped
 * @tracking: dirty tracking is on
 * @v2: VFIO_TYPE1v2_IOMMU
 * @space: what ranges share
 * @groups_lock: protects @groups; leaf
 * @groups: attached groups by key
 * @users_lock: protects @users
 * @users: open devices
 */
struct type1 {
	/** @lock: see above; outermost here */
	struct rw_semaphore lock;
	struct iova_tree tree;
	unsigned int avail;
	bool tracking;
	bool v2;
	struct pages_space *space;
	/** @groups_lock: protects @groups; leaf */
	struct mutex groups_lock;
	struct list_head groups;
	/** @users_lock: protects @users; inside @lock */
	spinlock_t users_lock;
	struct list_head users;
};

/* map.c */
long type1_ioctl_map(struct type1 *t1, unsigned long arg);
long type1_ioctl_unmap(struct type1 *t1, unsigned long arg);
void type1_unmap_all(struct type1 *t1);

/* track.c */
long type1_ioctl_dirty(struct type1 *t1, unsigned long arg);
int type1_check_bitmap(const struct vfio_bitmap *bitmap, u64 size);
int type1_bitmap_copy_out(u64 __user *to, const u64 *bits, u64 nr_pages);

/* user.c */
struct vfio_backend_user *type1_user_register(void *data,
					      struct vfio_device *vdev,
					      struct gate *gate);
void type1_user_quiesce(struct vfio_backend_user *user);
bool type1_user_is_shut(struct vfio_backend_user *user);
void type1_user_unregister(struct vfio_backend_user *user);
void type1_users_unmap(struct type1 *t1, u64 iova, u64 size);
int type1_pin_pages(struct vfio_backend_user *user, dma_addr_t iova, int npage,
		    int prot, struct page **pages);
void type1_unpin_pages(struct vfio_backend_user *user, dma_addr_t iova,
		       int npage);
int type1_dma_rw(struct vfio_backend_user *user, dma_addr_t iova, void *data,
		 size_t len, bool write);

#endif /* VFIO_TYPE1_TYPE1_H */
