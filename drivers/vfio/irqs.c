// SPDX-License-Identifier: GPL-2.0-only
/*
 * Validation of VFIO_DEVICE_SET_IRQS
 */
#include <linux/export.h>
#include <linux/vfio.h>

/**
 * vfio_set_irqs_validate_and_prepare() - check a request, size its data
 * @hdr: the request's header, in kernel memory
 * @num_irqs: interrupts at the index
 * @max_irq_type: indices the device has
 * @data_size: bytes of data behind the header
 *
 * Which actions there are at an index is for the driver to say.
 *
 * Context: Any.
 * Return: 0; -EINVAL for a short argsz, an index, range, flag or combination
 *         of flags that there is not, or too little data.
 */
int vfio_set_irqs_validate_and_prepare(struct vfio_irq_set *hdr, int num_irqs,
				       int max_irq_type, size_t *data_size)
{
	const u32 known = VFIO_IRQ_SET_DATA_TYPE_MASK |
			  VFIO_IRQ_SET_ACTION_TYPE_MASK;
	size_t minsz = offsetofend(struct vfio_irq_set, count);
	size_t size;

	if (data_size)
		*data_size = 0;
	if (hdr->argsz < minsz || hdr->index >= max_irq_type ||
	    hdr->flags & ~known)
		return -EINVAL;
	/* In this order count cannot wrap. */
	if (num_irqs < 0 || hdr->start >= num_irqs ||
	    hdr->count > num_irqs - hdr->start)
		return -EINVAL;

	switch (hdr->flags & VFIO_IRQ_SET_DATA_TYPE_MASK) {
	case VFIO_IRQ_SET_DATA_NONE:
		return 0;
	case VFIO_IRQ_SET_DATA_BOOL:
		size = sizeof(u8);
		break;
	case VFIO_IRQ_SET_DATA_EVENTFD:
		size = sizeof(s32);
		break;
	default:
		return -EINVAL;
	}
	size *= hdr->count;
	if (hdr->argsz - minsz < size || !data_size)
		return -EINVAL;
	*data_size = size;
	return 0;
}
EXPORT_SYMBOL(vfio_set_irqs_validate_and_prepare);
