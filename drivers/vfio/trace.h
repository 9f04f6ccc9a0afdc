/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the VFIO core
 *
 * Not a stable interface.  Times are jiffies unless the name ends in _ms.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vfio

#if !defined(_VFIO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _VFIO_TRACE_H

#include <linux/tracepoint.h>
#include <linux/vfio.h>

DECLARE_EVENT_CLASS(vfio_device_event,
	TP_PROTO(struct vfio_device *device, int ret),
	TP_ARGS(device, ret),
	TP_STRUCT__entry(
		__string(name, dev_name(device->dev))
		__field(unsigned int, index)
		__field(unsigned int, open_count)
		__field(int, ret)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->index = device->index;
		__entry->open_count = device->open_count;
		__entry->ret = ret;
	),
	TP_printk("%s vfio%u open_count=%u ret=%d", __get_str(name),
		  __entry->index, __entry->open_count, __entry->ret)
);

DEFINE_EVENT(vfio_device_event, vfio_open,
	TP_PROTO(struct vfio_device *device, int ret), TP_ARGS(device, ret));
DEFINE_EVENT(vfio_device_event, vfio_close,
	TP_PROTO(struct vfio_device *device, int ret), TP_ARGS(device, ret));
DEFINE_EVENT(vfio_device_event, vfio_announce,
	TP_PROTO(struct vfio_device *device, int ret), TP_ARGS(device, ret));
DEFINE_EVENT(vfio_device_event, vfio_revoke,
	TP_PROTO(struct vfio_device *device, int ret), TP_ARGS(device, ret));

TRACE_EVENT(vfio_gate_shut,
	TP_PROTO(struct vfio_device *device, unsigned int killed,
		 unsigned int waited_ms),
	TP_ARGS(device, killed, waited_ms),
	TP_STRUCT__entry(
		__string(name, dev_name(device->dev))
		__field(unsigned int, killed)
		__field(unsigned int, waited_ms)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->killed = killed;
		__entry->waited_ms = waited_ms;
	),
	TP_printk("%s killed=%u waited_ms=%u", __get_str(name),
		  __entry->killed, __entry->waited_ms)
);

DECLARE_EVENT_CLASS(vfio_set_event,
	TP_PROTO(struct vfio_device *device, struct vfio_device_set *set,
		 unsigned int members),
	TP_ARGS(device, set, members),
	TP_STRUCT__entry(
		__string(name, dev_name(device->dev))
		__field(void *, set_id)
		__field(unsigned int, members)
		__field(bool, shared)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->set_id = set->set_id;
		__entry->members = members;
		__entry->shared = set->shared;
	),
	TP_printk("%s set=%p members=%u shared=%d", __get_str(name),
		  __entry->set_id, __entry->members, __entry->shared)
);

DEFINE_EVENT(vfio_set_event, vfio_set_join,
	TP_PROTO(struct vfio_device *device, struct vfio_device_set *set,
		 unsigned int members),
	TP_ARGS(device, set, members));
DEFINE_EVENT(vfio_set_event, vfio_set_leave,
	TP_PROTO(struct vfio_device *device, struct vfio_device_set *set,
		 unsigned int members),
	TP_ARGS(device, set, members));

#endif /* _VFIO_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
