// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of a device that can be taken away
 *
 * A driver's mmap() sets vma->vm_ops to a table in the driver's module, which
 * the kernel would call for as long as the mapping exists.  So the core puts a
 * copy of its own in place, kept by the skin, whose functions enter the gate
 * and forward, and forward nothing once the device is revoked.  The copy has
 * what the original has, and open, close and fault besides: those keep the
 * books and serve a mapping whose device is gone.
 *
 * A revocation has to find every page table entry.  Three kinds of mappings
 * could escape a plain unmap_mapping_range():
 *
 *  - one that mmap() is about to link: the driver has filled it already, but
 *    the rmap walk does not see it yet;
 *  - a fault that has left the driver's handler with a page in hand that is
 *    not installed yet;
 *  - copies that fork() makes.
 *
 * All run under the mmap_lock of their address space.  So each address space
 * is recorded before the driver sees it, and the remover takes and drops the
 * mmap_lock of each, with the gate shut and no lock held, before it zaps.
 * fork() needs no more than that: it links the copy before it copies entries,
 * behind the original, and the zap walks in that order.
 *
 * After the zap a fault gets a page of all-ones, as a read of a vanished PCI
 * device does, so that a VMM and its guest live on.  Each page of the device
 * gets one of its own in each address space: stores go there and reach nobody,
 * and no other page reads them back.  Behind so many that were touched all
 * others share one, so that what a guest can make the host spend is bounded.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "vfio.h"

/* Pages of all-ones in one address space, and the index of those behind. */
#define SKIN_ONES_MAX		1024
#define SKIN_ONES_SHARED	ULONG_MAX

/**
 * struct skin_vm_ops - our copy of a driver's vm_operations_struct
 * @ops: what the mapping has
 * @orig: what the driver gave, or NULL; only inside the gate
 * @skin: whose
 * @node: entry in &vfio_skin.vm_ops
 */
struct skin_vm_ops {
	struct vm_operations_struct ops;
	const struct vm_operations_struct *orig;
	struct vfio_skin *skin;
	struct list_head node;
};

/**
 * struct skin_mm - an address space that maps the device
 * @node: entry in &vfio_skin.mms
 * @mm: the address space; its structure is kept, its memory is not
 * @nr_vmas: mappings in it, under &vfio_skin.lock
 * @drained: the remover has been through its mmap_lock
 * @ones: what faults get after revocation: pages by offset in the file
 * @nr_ones: how many, at most some more than SKIN_ONES_MAX
 */
struct skin_mm {
	struct list_head node;
	struct mm_struct *mm;
	unsigned int nr_vmas;
	bool drained;
	struct xarray ones;
	atomic_t nr_ones;
};

static struct skin_vm_ops *to_skin_vm_ops(struct vm_area_struct *vma)
{
	return container_of(vma->vm_ops, struct skin_vm_ops, ops);
}

static struct skin_mm *__skin_mm_find(struct vfio_skin *skin,
				      struct mm_struct *mm)
{
	struct skin_mm *smm;

	lockdep_assert_held(&skin->lock);
	list_for_each_entry(smm, &skin->mms, node)
		if (smm->mm == mm)
			return smm;
	return NULL;
}

static void skin_mm_free(struct skin_mm *smm)
{
	struct page *page;
	unsigned long index;

	xa_for_each(&smm->ones, index, page)
		put_page(page);
	xa_destroy(&smm->ones);
	mmdrop(smm->mm);
	kfree(smm);
}

/* One more mapping in this address space.  Fails only without __GFP_NOFAIL. */
static int skin_mm_add(struct vfio_skin *skin, struct mm_struct *mm, gfp_t gfp)
{
	struct skin_mm *new, *smm;

	new = kzalloc(sizeof(*new), gfp);
	if (!new)
		return -ENOMEM;
	xa_init(&new->ones);

	mutex_lock(&skin->lock);
	smm = __skin_mm_find(skin, mm);
	if (!smm) {
		smm = new;
		new = NULL;
		mmgrab(mm);
		smm->mm = mm;
		list_add_tail(&smm->node, &skin->mms);
	}
	smm->nr_vmas++;
	mutex_unlock(&skin->lock);
	kfree(new);
	return 0;
}

static void skin_mm_del(struct vfio_skin *skin, struct mm_struct *mm)
{
	struct skin_mm *smm;

	mutex_lock(&skin->lock);
	smm = __skin_mm_find(skin, mm);
	if (!WARN_ON_ONCE(!smm) && !--smm->nr_vmas)
		list_del(&smm->node);
	else
		smm = NULL;
	mutex_unlock(&skin->lock);
	if (smm)
		skin_mm_free(smm);
}

/*
 * The all-ones page for offset @pgoff, in pages, without a reference.  The
 * caller is in a fault, so its mapping keeps the address space recorded.
 */
static struct page *skin_mm_ones(struct vfio_skin *skin, struct mm_struct *mm,
				 unsigned long pgoff)
{
	struct page *page, *new;
	struct skin_mm *smm;

	mutex_lock(&skin->lock);
	smm = __skin_mm_find(skin, mm);
	mutex_unlock(&skin->lock);
	if (!smm)
		return NULL;
	page = xa_load(&smm->ones, pgoff);
	if (page)
		return page;
	if (atomic_read(&smm->nr_ones) >= SKIN_ONES_MAX)
		pgoff = SKIN_ONES_SHARED;

	new = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!new)
		return NULL;
	memset(page_address(new), 0xff, PAGE_SIZE);
	page = xa_cmpxchg(&smm->ones, pgoff, NULL, new, GFP_KERNEL_ACCOUNT);
	if (!page) {
		atomic_inc(&smm->nr_ones);
		return new;
	}
	put_page(new);
	return xa_is_err(page) ? NULL : page;
}

/* A fault in a mapping whose device is gone. */
static vm_fault_t skin_fault_revoked(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct skin_vm_ops *sops = to_skin_vm_ops(vma);
	struct page *page;

	/* A private, copied mapping of pfns can only be filled by mmap(). */
	if ((vma->vm_flags & VM_PFNMAP) && is_cow_mapping(vma->vm_flags))
		return VM_FAULT_SIGBUS;

	page = skin_mm_ones(sops->skin, vma->vm_mm, vmf->pgoff);
	if (!page)
		return VM_FAULT_SIGBUS;
	if (vma->vm_flags & VM_PFNMAP)
		return vmf_insert_pfn(vma, vmf->address, page_to_pfn(page));
	get_page(page);
	vmf->page = page;
	return 0;
}

static vm_fault_t skin_vm_fault(struct vm_fault *vmf)
{
	struct skin_vm_ops *sops = to_skin_vm_ops(vmf->vma);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct gate_pass pass;

	if (!gate_enter(&sops->skin->gate, &pass))
		return skin_fault_revoked(vmf);
	/* Without a handler of the driver's this is what the kernel does. */
	if (sops->orig && sops->orig->fault)
		ret = sops->orig->fault(vmf);
	gate_exit(&sops->skin->gate, &pass);
	return ret;
}

static vm_fault_t skin_vm_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct skin_vm_ops *sops = to_skin_vm_ops(vmf->vma);
	struct gate_pass pass;
	vm_fault_t ret;

	if (!gate_enter(&sops->skin->gate, &pass))
		return VM_FAULT_FALLBACK;
	ret = sops->orig->huge_fault(vmf, order);
	gate_exit(&sops->skin->gate, &pass);
	return ret;
}

static vm_fault_t skin_vm_page_mkwrite(struct vm_fault *vmf)
{
	struct skin_vm_ops *sops = to_skin_vm_ops(vmf->vma);
	struct gate_pass pass;
	vm_fault_t ret;

	if (!gate_enter(&sops->skin->gate, &pass)) {
		lock_page(vmf->page);
		return VM_FAULT_LOCKED;
	}
	ret = sops->orig->page_mkwrite(vmf);
	gate_exit(&sops->skin->gate, &pass);
	return ret;
}

static vm_fault_t skin_vm_pfn_mkwrite(struct vm_fault *vmf)
{
	struct skin_vm_ops *sops = to_skin_vm_ops(vmf->vma);
	struct gate_pass pass;
	vm_fault_t ret;

	if (!gate_enter(&sops->skin->gate, &pass))
		return 0;
	ret = sops->orig->pfn_mkwrite(vmf);
	gate_exit(&sops->skin->gate, &pass);
	return ret;
}

static void skin_vm_open(struct vm_area_struct *vma)
{
	struct skin_vm_ops *sops = to_skin_vm_ops(vma);
	struct gate_pass pass;

	/* There is no way to fail here, and it is a few dozen bytes. */
	skin_mm_add(sops->skin, vma->vm_mm, GFP_KERNEL | __GFP_NOFAIL);
	if (!gate_enter(&sops->skin->gate, &pass))
		return;
	if (sops->orig && sops->orig->open)
		sops->orig->open(vma);
	gate_exit(&sops->skin->gate, &pass);
}

static void skin_vm_close(struct vm_area_struct *vma)
{
	struct skin_vm_ops *sops = to_skin_vm_ops(vma);
	struct gate_pass pass;

	if (gate_enter(&sops->skin->gate, &pass)) {
		if (sops->orig && sops->orig->close)
			sops->orig->close(vma);
		gate_exit(&sops->skin->gate, &pass);
	}
	skin_mm_del(sops->skin, vma->vm_mm);
}

static int skin_vm_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	struct skin_vm_ops *sops = to_skin_vm_ops(vma);
	struct gate_pass pass;
	int ret;

	if (!gate_enter(&sops->skin->gate, &pass))
		return 0;
	ret = sops->orig->may_split(vma, addr);
	gate_exit(&sops->skin->gate, &pass);
	return ret;
}

static int skin_vm_mremap(struct vm_area_struct *vma)
{
	struct skin_vm_ops *sops = to_skin_vm_ops(vma);
	struct gate_pass pass;
	int ret;

	if (!gate_enter(&sops->skin->gate, &pass))
		return 0;
	ret = sops->orig->mremap(vma);
	gate_exit(&sops->skin->gate, &pass);
	return ret;
}

static int skin_vm_mprotect(struct vm_area_struct *vma, unsigned long start,
			    unsigned long end, unsigned long newflags)
{
	struct skin_vm_ops *sops = to_skin_vm_ops(vma);
	struct gate_pass pass;
	int ret;

	if (!gate_enter(&sops->skin->gate, &pass))
		return 0;
	ret = sops->orig->mprotect(vma, start, end, newflags);
	gate_exit(&sops->skin->gate, &pass);
	return ret;
}

static int skin_vm_access(struct vm_area_struct *vma, unsigned long addr,
			  void *buf, int len, int write)
{
	struct skin_vm_ops *sops = to_skin_vm_ops(vma);
	struct gate_pass pass;
	int ret;

	if (!gate_enter(&sops->skin->gate, &pass))
		return -EIO;
	ret = sops->orig->access(vma, addr, buf, len, write);
	gate_exit(&sops->skin->gate, &pass);
	return ret;
}

static unsigned long skin_vm_pagesize(struct vm_area_struct *vma)
{
	struct skin_vm_ops *sops = to_skin_vm_ops(vma);
	unsigned long ret = PAGE_SIZE;
	struct gate_pass pass;

	if (gate_enter(&sops->skin->gate, &pass)) {
		ret = sops->orig->pagesize(vma);
		gate_exit(&sops->skin->gate, &pass);
	}
	return ret;
}

/*
 * map_pages is left out on purpose: it is an optimisation, and a handler that
 * has it runs under the lock of a single vma, which the remover's walk through
 * mmap_lock would not wait for.  name, find_special_page and the NUMA policy
 * callbacks make no sense for a device.
 */
static void skin_vm_ops_fill(struct skin_vm_ops *sops,
			     const struct vm_operations_struct *orig)
{
	struct vm_operations_struct *ops = &sops->ops;

	sops->orig = orig;
	ops->open = skin_vm_open;
	ops->close = skin_vm_close;
	ops->fault = skin_vm_fault;
	if (!orig)
		return;
	if (orig->huge_fault)
		ops->huge_fault = skin_vm_huge_fault;
	if (orig->page_mkwrite)
		ops->page_mkwrite = skin_vm_page_mkwrite;
	if (orig->pfn_mkwrite)
		ops->pfn_mkwrite = skin_vm_pfn_mkwrite;
	if (orig->may_split)
		ops->may_split = skin_vm_may_split;
	if (orig->mremap)
		ops->mremap = skin_vm_mremap;
	if (orig->mprotect)
		ops->mprotect = skin_vm_mprotect;
	if (orig->access)
		ops->access = skin_vm_access;
	if (orig->pagesize)
		ops->pagesize = skin_vm_pagesize;
}

/* Our copy of a table; @new is used, and consumed, if there is none yet. */
static struct skin_vm_ops *
skin_vm_ops_get(struct vfio_skin *skin,
		const struct vm_operations_struct *orig,
		struct skin_vm_ops *new)
{
	struct skin_vm_ops *sops;

	mutex_lock(&skin->lock);
	list_for_each_entry(sops, &skin->vm_ops, node)
		if (sops->orig == orig)
			goto out_unlock;
	sops = new;
	new = NULL;
	sops->skin = skin;
	skin_vm_ops_fill(sops, orig);
	list_add_tail(&sops->node, &skin->vm_ops);
out_unlock:
	mutex_unlock(&skin->lock);
	kfree(new);
	return sops;
}

/* The driver's mmap(), inside the gate. */
static int skin_call_mmap(struct vfio_skin *skin, struct file *file,
			  struct vm_area_struct *vma)
{
	struct vfio_device *device;
	struct gate_pass pass;
	int ret;

	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	if (device->ops->mmap)
		ret = device->ops->mmap(device, vma);
	else
		ret = -EINVAL;
	/* We could neither zap nor outlive a mapping of another file. */
	if (!ret && vma->vm_file != file) {
		dev_dbg(device->dev, "mmap() replaced the file: refused\n");
		ret = -EINVAL;
	}
	gate_exit(&skin->gate, &pass);
	return ret;
}

/**
 * skin_mmap() - mmap(2) of a device file
 * @skin: the device's skin
 * @file: the file
 * @vma: the mapping
 *
 * Context: Under the mmap_lock of the current address space.
 * Return: 0; -ENODEV when the device is revoked; -EINVAL when the driver has
 *         no mmap() or replaced the file; -ENOMEM; what the driver's said.
 */
int skin_mmap(struct vfio_skin *skin, struct file *file,
	      struct vm_area_struct *vma)
{
	struct skin_vm_ops *sops;
	int ret;

	/* The driver may have mapped something before we could still fail. */
	sops = kzalloc(sizeof(*sops), GFP_KERNEL);
	if (!sops)
		return -ENOMEM;
	ret = skin_mm_add(skin, vma->vm_mm, GFP_KERNEL);
	if (ret)
		goto err_free_ops;

	ret = skin_call_mmap(skin, file, vma);
	if (ret)
		goto err_del_mm;

	vma->vm_ops = &skin_vm_ops_get(skin, vma->vm_ops, sops)->ops;
	return 0;

err_del_mm:
	skin_mm_del(skin, vma->vm_mm);
err_free_ops:
	kfree(sops);
	return ret;
}

static struct mm_struct *skin_next_mm(struct vfio_skin *skin)
{
	struct mm_struct *mm = NULL;
	struct skin_mm *smm;

	mutex_lock(&skin->lock);
	list_for_each_entry(smm, &skin->mms, node) {
		if (smm->drained)
			continue;
		smm->drained = true;
		mm = smm->mm;
		mmgrab(mm);
		break;
	}
	mutex_unlock(&skin->lock);
	return mm;
}

/**
 * skin_zap() - remove every page table entry that maps the device
 * @skin: the skin, its gate drained
 *
 * Context: May sleep.  No lock held: takes mmap_locks of users.
 */
void skin_zap(struct vfio_skin *skin)
{
	struct mm_struct *mm;

	while ((mm = skin_next_mm(skin))) {
		mmap_write_lock(mm);
		mmap_write_unlock(mm);
		mmdrop(mm);
	}
	unmap_mapping_range(skin->inode->i_mapping, 0, 0, true);
}

/**
 * skin_mmap_exit() - free what mappings left behind
 * @skin: the skin, whose last file is gone
 *
 * Context: May sleep.
 */
void skin_mmap_exit(struct vfio_skin *skin)
{
	struct skin_vm_ops *sops, *sops_next;
	struct skin_mm *smm, *smm_next;

	list_for_each_entry_safe(sops, sops_next, &skin->vm_ops, node)
		kfree(sops);
	list_for_each_entry_safe(smm, smm_next, &skin->mms, node)
		skin_mm_free(smm);
}
