/* SPDX-License-Identifier: Apache-2.0
 * Smalti: your code next to your pixels and tables. Everything public in one include. */
#ifndef SMALTI_H
#define SMALTI_H

#include <smalti/base.h>
#include <smalti/chain.h>
#include <smalti/exr.h>
#include <smalti/image.h>
#include <smalti/job.h>
#include <smalti/kernel.h>
#include <smalti/worker.h>

#endif
