// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capability chains behind info structures
 *
 * A chain is built in a buffer of its own, each header's "next" an offset from
 * the start of the buffer, zero at the end.  Every capability starts on an
 * 8-byte boundary.  When the chain is put behind an info structure its offsets
 * are shifted by that structure's size.
 */
#include <linux/export.h>
#include <linux/slab.h>
#include <linux/vfio.h>

static struct vfio_info_cap_header *caps_at(struct vfio_info_cap *caps,
					    size_t offset)
{
	return (void *)caps->buf + offset;
}

static struct vfio_info_cap_header *caps_last(struct vfio_info_cap *caps)
{
	struct vfio_info_cap_header *header = caps->buf;

	while (header->next)
		header = caps_at(caps, header->next);
	return header;
}

/**
 * vfio_info_cap_add() - append a zeroed capability to a chain
 * @caps: the chain; empty to begin with
 * @size: bytes of the capability, its header included
 * @id: its id
 * @version: its version
 *
 * When this fails the chain has been freed and is empty.
 *
 * Context: May sleep.
 * Return: the capability, valid until the next call; ERR_PTR(-ENOMEM).
 */
struct vfio_info_cap_header *vfio_info_cap_add(struct vfio_info_cap *caps,
					       size_t size, u16 id,
					       u16 version)
{
	struct vfio_info_cap_header *header, *buf;
	size_t offset = caps->size;

	size = ALIGN(size, sizeof(u64));
	buf = krealloc(caps->buf, offset + size, GFP_KERNEL);
	if (!buf) {
		kfree(caps->buf);
		caps->buf = NULL;
		caps->size = 0;
		return ERR_PTR(-ENOMEM);
	}
	caps->buf = buf;
	header = caps_at(caps, offset);
	memset(header, 0, size);
	header->id = id;
	header->version = version;
	if (offset)
		caps_last(caps)->next = offset;
	caps->size = offset + size;
	return header;
}
EXPORT_SYMBOL_GPL(vfio_info_cap_add);

/**
 * vfio_info_cap_shift() - make a chain's offsets relative to something before
 * @caps: the chain; nothing to do if it is empty
 * @offset: how far before; a multiple of 8
 *
 * Context: Any.
 */
void vfio_info_cap_shift(struct vfio_info_cap *caps, size_t offset)
{
	struct vfio_info_cap_header *header = caps->buf;
	size_t next;

	WARN_ON_ONCE(!IS_ALIGNED(offset, sizeof(u64)));
	while (header && header->next) {
		next = header->next;
		header->next += offset;
		header = caps_at(caps, next);
	}
}
EXPORT_SYMBOL(vfio_info_cap_shift);

/**
 * vfio_info_add_capability() - append a copy of a capability to a chain
 * @caps: the chain
 * @cap: the capability, its id and version set
 * @size: bytes of it, its header included
 *
 * Context: May sleep.
 * Return: 0 or -ENOMEM, as vfio_info_cap_add().
 */
int vfio_info_add_capability(struct vfio_info_cap *caps,
			     struct vfio_info_cap_header *cap, size_t size)
{
	struct vfio_info_cap_header *header;

	header = vfio_info_cap_add(caps, size, cap->id, cap->version);
	if (IS_ERR(header))
		return PTR_ERR(header);
	memcpy(header + 1, cap + 1, size - sizeof(*header));
	return 0;
}
EXPORT_SYMBOL(vfio_info_add_capability);
