// SPDX-License-Identifier: GPL-2.0-only
/*
 * vtest: a VFIO test driver that does what a sample should not
 *
 * Its parents are virtual devices that can be unregistered and registered
 * again without the module; its devices count whatever happens to them, open
 * and close as slowly or as unsuccessfully as a test wants, leak pins, sleep
 * where they should not and map their memory in every possible way.
 * vtest.h describes what user space can ask for.
 *
 * vp is a parent, vt a device.
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "vtest_priv.h"

static unsigned int nr_parents = 2;
module_param(nr_parents, uint, 0444);
MODULE_PARM_DESC(nr_parents, "number of parents");

static unsigned int max_instances = 128;
module_param(max_instances, uint, 0444);
MODULE_PARM_DESC(max_instances, "most devices of one parent");

static struct vtest_parent **vtest_parents;

/**
 * vtest_parent_of() - the parent of a mediated device
 * @mdev_dev: the mediated device's struct device
 *
 * Context: Any, while the device is registered.
 * Return: the parent.
 */
struct vtest_parent *vtest_parent_of(struct device *mdev_dev)
{
	struct mdev_device *mdev = to_mdev_device(mdev_dev);

	return container_of(mdev->type->parent, struct vtest_parent, mdev);
}

static int vtest_join_set(struct vtest_device *vt)
{
	struct vtest_parent *vp = vt->parent;

	switch (vt->kind) {
	case VTEST_SET:
		vt->crowd = &vp->plain_set;
		return vfio_assign_device_set(&vt->vdev, &vp->plain_set);
	case VTEST_SHARED:
		vt->crowd = &vp->shared_set;
		return vfio_assign_device_set_shared(&vt->vdev,
						     &vp->shared_set);
	default:
		return 0;
	}
}

static int vtest_probe_bare(struct mdev_device *mdev)
{
	struct vfio_device *vdev;
	int ret;

	vdev = _vfio_alloc_device(sizeof(*vdev), &mdev->dev, &vtest_bare_ops);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	ret = vfio_register_emulated_iommu_dev(vdev);
	if (ret) {
		vfio_put_device(vdev);
		return ret;
	}
	dev_set_drvdata(&mdev->dev, vdev);
	return 0;
}

static int vtest_probe(struct mdev_device *mdev)
{
	struct vtest_type *type = container_of(mdev->type, struct vtest_type,
					       type);
	struct vtest_parent *vp = vtest_parent_of(&mdev->dev);
	const struct vfio_device_ops *ops = &vtest_ops;
	struct vtest_device *vt;
	unsigned int delay_ms;
	int ret;

	delay_ms = READ_ONCE(vp->probe_delay_ms);
	if (delay_ms)
		msleep(delay_ms);
	if (READ_ONCE(vp->fail_probe))
		return -READ_ONCE(vp->fail_probe);
	if (type->kind == VTEST_BARE)
		return vtest_probe_bare(mdev);
	if (type->kind == VTEST_FOREIGN)
		ops = &vtest_foreign_ops;
	vt = vfio_alloc_device(vtest_device, vdev, &mdev->dev, ops);
	if (IS_ERR(vt))
		return PTR_ERR(vt);
	vt->kind = type->kind;
	dev_set_drvdata(&mdev->dev, &vt->vdev);

	ret = vtest_join_set(vt);
	if (ret)
		goto err_put_device;
	ret = vfio_register_emulated_iommu_dev(&vt->vdev);
	if (ret)
		goto err_put_device;
	mutex_lock(&vp->lock);
	list_add_tail(&vt->node, &vp->devices);
	mutex_unlock(&vp->lock);
	return 0;

err_put_device:
	vfio_put_device(&vt->vdev);
	return ret;
}

static void vtest_remove(struct mdev_device *mdev)
{
	struct vfio_device *vdev = dev_get_drvdata(&mdev->dev);
	struct vtest_parent *vp = vtest_parent_of(&mdev->dev);

	if (vdev->ops != &vtest_bare_ops) {
		mutex_lock(&vp->lock);
		list_del_init(&to_vtest(vdev)->node);
		mutex_unlock(&vp->lock);
	}
	vfio_unregister_group_dev(vdev);
	vfio_put_device(vdev);
}

static void vtest_announce(struct mdev_device *mdev)
{
	vfio_announce_removal(dev_get_drvdata(&mdev->dev));
}

struct mdev_driver vtest_mdev_driver = {
	.device_api	= VFIO_DEVICE_API_PCI_STRING,
	.probe		= vtest_probe,
	.remove		= vtest_remove,
	.announce	= vtest_announce,
	.driver		= {
		.name		= "vtest",
		.owner		= THIS_MODULE,
		.mod_name	= KBUILD_MODNAME,
		.dev_groups	= vtest_device_groups,
	},
};

static void vtest_parent_destroy(struct vtest_parent *vp)
{
	vtest_parent_unregister(vp);
	device_unregister(vp->dev);
	kfree(vp);
}

static const struct class vtest_class = {
	.name		= "vtest",
	.dev_groups	= vtest_parent_groups,
};

static struct vtest_parent *vtest_parent_create(unsigned int nr)
{
	struct vtest_parent *vp;
	int ret;

	vp = kzalloc(sizeof(*vp), GFP_KERNEL);
	if (!vp)
		return ERR_PTR(-ENOMEM);
	mutex_init(&vp->lock);
	mutex_init(&vp->race_lock);
	INIT_LIST_HEAD(&vp->devices);
	vtest_types_init(vp);
	vp->dev = device_create(&vtest_class, NULL, MKDEV(0, 0), vp,
				"vtest%u", nr);
	if (IS_ERR(vp->dev)) {
		ret = PTR_ERR(vp->dev);
		goto err_free_parent;
	}
	ret = vtest_parent_register(vp);
	if (ret)
		goto err_unregister_dev;
	return vp;

err_unregister_dev:
	device_unregister(vp->dev);
err_free_parent:
	kfree(vp);
	return ERR_PTR(ret);
}

/* All devices of all parents are told first, so that they share one grace. */
static void vtest_announce_all(void)
{
	struct vtest_device *vt;
	struct vtest_parent *vp;
	unsigned int i;

	for (i = 0; i < nr_parents; i++) {
		vp = vtest_parents[i];
		if (!vp)
			continue;
		mutex_lock(&vp->lock);
		list_for_each_entry(vt, &vp->devices, node)
			vfio_announce_removal(&vt->vdev);
		mutex_unlock(&vp->lock);
	}
}

static void vtest_parents_destroy(void)
{
	unsigned int i;

	vtest_announce_all();
	for (i = nr_parents; i--; )
		if (vtest_parents[i])
			vtest_parent_destroy(vtest_parents[i]);
}

static int __init vtest_init(void)
{
	struct vtest_parent *vp;
	unsigned int i;
	int ret;

	if (!nr_parents || nr_parents > 64)
		return -EINVAL;
	vtest_parents = kcalloc(nr_parents, sizeof(*vtest_parents),
				GFP_KERNEL);
	if (!vtest_parents)
		return -ENOMEM;
	vtest_mdev_driver.max_instances = max_instances;
	ret = class_register(&vtest_class);
	if (ret)
		goto err_free_table;
	ret = mdev_register_driver(&vtest_mdev_driver);
	if (ret)
		goto err_unregister_class;
	for (i = 0; i < nr_parents; i++) {
		vp = vtest_parent_create(i);
		if (IS_ERR(vp)) {
			ret = PTR_ERR(vp);
			goto err_destroy_parents;
		}
		vtest_parents[i] = vp;
	}
	return 0;

err_destroy_parents:
	vtest_parents_destroy();
	mdev_unregister_driver(&vtest_mdev_driver);
err_unregister_class:
	class_unregister(&vtest_class);
err_free_table:
	kfree(vtest_parents);
	return ret;
}

static void __exit vtest_exit(void)
{
	vtest_parents_destroy();
	mdev_unregister_driver(&vtest_mdev_driver);
	class_unregister(&vtest_class);
	kfree(vtest_parents);
}

module_init(vtest_init);
module_exit(vtest_exit);

MODULE_DESCRIPTION("VFIO test driver");
MODULE_LICENSE("GPL");
