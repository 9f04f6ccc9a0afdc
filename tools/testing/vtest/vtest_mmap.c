// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mappings of a test device, one style per region
 *
 * The styles differ in which members of vm_ops they have and in how pages get
 * into the page table, because the core has to serve all of them.
 *
 * vt is a test device.
 */
#include <linux/file.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>

#include "vtest_priv.h"

static struct page *vtest_fault_page(struct vm_fault *vmf)
{
	struct vtest_device *vt = vmf->vma->vm_private_data;
	unsigned long mask = (VTEST_OFFSET(1) >> PAGE_SHIFT) - 1;
	unsigned long pgoff = vmf->pgoff & mask;

	vtest_count(vt, VTEST_STAT_FAULTS);
	if (!READ_ONCE(vt->is_open))
		vtest_count(vt, VTEST_STAT_UNMAPPED_LATE);
	return pgoff < VTEST_RAM_PAGES ? vt->ram[pgoff] : NULL;
}

static vm_fault_t pfn_fault(struct vm_fault *vmf)
{
	struct page *page = vtest_fault_page(vmf);

	if (!page)
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(page));
}

static const struct vm_operations_struct pfn_vm_ops = {
	.fault	= pfn_fault,
};

static vm_fault_t page_fault(struct vm_fault *vmf)
{
	struct page *page = vtest_fault_page(vmf);

	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct page_vm_ops = {
	.fault	= page_fault,
};

static void full_open(struct vm_area_struct *vma)
{
	vtest_entry(vma->vm_private_data);
}

static void full_close(struct vm_area_struct *vma)
{
	vtest_entry(vma->vm_private_data);
}

/* Maps nothing: the fault handler then does; being called is the test. */
static vm_fault_t full_map_pages(struct vm_fault *vmf, pgoff_t start,
				 pgoff_t end)
{
	struct vtest_device *vt = vmf->vma->vm_private_data;

	if (!READ_ONCE(vt->is_open))
		vtest_count(vt, VTEST_STAT_UNMAPPED_LATE);
	return 0;
}

static vm_fault_t full_page_mkwrite(struct vm_fault *vmf)
{
	struct vtest_device *vt = vmf->vma->vm_private_data;

	if (!READ_ONCE(vt->is_open))
		vtest_count(vt, VTEST_STAT_UNMAPPED_LATE);
	lock_page(vmf->page);
	return VM_FAULT_LOCKED;
}

static int full_access(struct vm_area_struct *vma, unsigned long addr,
		       void *buf, int len, int write)
{
	struct vtest_device *vt = vma->vm_private_data;
	u64 pos = ((u64)vma->vm_pgoff << PAGE_SHIFT) + addr - vma->vm_start;
	size_t offset;

	vtest_entry(vt);
	if (len < 0 || vtest_check_range(pos, len, &offset))
		return -EINVAL;
	if (write)
		vtest_ram_write(vt, buf, offset, len);
	else
		vtest_ram_read(vt, buf, offset, len);
	return len;
}

static const struct vm_operations_struct full_vm_ops = {
	.open		= full_open,
	.close		= full_close,
	.fault		= page_fault,
	.map_pages	= full_map_pages,
	.page_mkwrite	= full_page_mkwrite,
	.access		= full_access,
};

static int remap_ram(struct vtest_device *vt, struct vm_area_struct *vma,
		     size_t offset)
{
	unsigned long addr;
	struct page *page;
	int ret;

	for (addr = vma->vm_start; addr < vma->vm_end; addr += PAGE_SIZE) {
		page = vt->ram[offset >> PAGE_SHIFT];
		ret = remap_pfn_range(vma, addr, page_to_pfn(page), PAGE_SIZE,
				      vma->vm_page_prot);
		if (ret)
			return ret;
		offset += PAGE_SIZE;
	}
	return 0;
}

/* What a driver must not do: hand the mapping to another file. */
static int steal_mapping(struct vm_area_struct *vma)
{
	struct file *file;

	file = shmem_file_setup("vtest", VTEST_RAM_BYTES, VM_NORESERVE);
	if (IS_ERR(file))
		return PTR_ERR(file);
	vma_set_file(vma, file);
	fput(file);
	return 0;
}

static int check_mapping(struct vm_area_struct *vma, size_t *offset)
{
	u64 pos = (u64)vma->vm_pgoff << PAGE_SHIFT;

	/* A private mapping of frame numbers is not for us. */
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return vtest_check_range(pos, vma->vm_end - vma->vm_start, offset);
}

/**
 * vtest_mmap() - mmap of a structured device
 * @vdev: the device
 * @vma: the mapping to be
 *
 * Context: Process context, inside the gate, under mmap_lock.
 * Return: 0, -EINVAL, -ENOMEM.
 */
int vtest_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	struct vtest_device *vt = to_vtest(vdev);
	size_t offset;
	int ret;

	vtest_entry(vt);
	ret = check_mapping(vma, &offset);
	if (ret)
		return ret;
	vma->vm_private_data = vt;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	switch (VTEST_OFFSET_TO_REGION((u64)vma->vm_pgoff << PAGE_SHIFT)) {
	case VTEST_REGION_PFN:
		vm_flags_set(vma, VM_PFNMAP | VM_IO);
		vma->vm_ops = &pfn_vm_ops;
		return 0;
	case VTEST_REGION_PAGE:
		vma->vm_ops = &page_vm_ops;
		return 0;
	case VTEST_REGION_REMAP:
		return remap_ram(vt, vma, offset);
	case VTEST_REGION_FILE:
		return steal_mapping(vma);
	case VTEST_REGION_FULL:
		vma->vm_ops = &full_vm_ops;
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * vtest_foreign_mmap() - mmap of a foreign device: always remap_pfn_range()
 * @vdev: the device
 * @vma: the mapping to be
 *
 * Context: Process context, inside the gate, under mmap_lock.
 * Return: 0, -EINVAL, -ENOMEM.
 */
int vtest_foreign_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	u64 pos = (u64)vma->vm_pgoff << PAGE_SHIFT;
	size_t offset;
	int ret;

	vtest_entry(to_vtest(vdev));
	ret = check_mapping(vma, &offset);
	if (ret)
		return ret;
	if (VTEST_OFFSET_TO_REGION(pos) >= VTEST_REGION_SLEEP)
		return -EINVAL;
	return remap_ram(to_vtest(vdev), vma, offset);
}
