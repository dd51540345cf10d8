/* SPDX-License-Identifier: Apache-2.0
 * Results, errors and version: what every other Smalti header needs. */
#ifndef SMALTI_BASE_H
#define SMALTI_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SMALTI_API __attribute__((visibility("default")))
#define SMALTI_MUST_CHECK __attribute__((warn_unused_result))
#else
#define SMALTI_API
#define SMALTI_MUST_CHECK
#endif

#define SMALTI_VERSION_MAJOR 0
#define SMALTI_VERSION_MINOR 1
#define SMALTI_VERSION_PATCH 0

/** The library's version, "major.minor.patch". A static string. */
SMALTI_API const char *smalti_version(void);

/** 0 on success, else one of the negative codes below. The hundreds give the class. */
typedef int32_t smalti_result;

enum {
    SMALTI_OK = 0,

    SMALTI_E_INVALID = -100,        /**< an argument, option or job is wrong */
    SMALTI_E_INVALID_KEY = -101,    /**< unknown key or option */
    SMALTI_E_INVALID_TYPE = -102,   /**< a value of the wrong type */
    SMALTI_E_INVALID_RANGE = -103,  /**< a value outside its range */
    SMALTI_E_INVALID_CONFLICT = -104, /**< two outputs of one name, an output over an input */

    SMALTI_E_FORMAT = -200,           /**< malformed input */
    SMALTI_E_FORMAT_TRUNCATED = -201, /**< the input ends too early */
    SMALTI_E_FORMAT_CHECKSUM = -202,  /**< a checksum does not match */
    SMALTI_E_FORMAT_UNKNOWN = -203,   /**< no decoder knows these bytes */

    SMALTI_E_UNSUPPORTED = -300, /**< valid, but not handled here */

    SMALTI_E_LIMIT = -400,        /**< a limit of the caller's was reached */
    SMALTI_E_LIMIT_MEMORY = -401, /**< the task alone does not fit the memory budget */
    SMALTI_E_LIMIT_PIXELS = -402, /**< more pixels than allowed */
    SMALTI_E_LIMIT_FRAMES = -403, /**< more frames than allowed */
    SMALTI_E_LIMIT_RATIO = -404, /**< decoded bytes out of proportion to the file's size */
    SMALTI_E_LIMIT_TIME = -405, /**< a task ran over its time limit */

    SMALTI_E_NOMEM = -500, /**< the system has no memory left */

    SMALTI_E_IO = -600,         /**< the operating system refused; smalti_error.sys_errno says why */
    SMALTI_E_IO_CHANGED = -601, /**< the input was changed or truncated while it was read */

    SMALTI_E_KERNEL = -700,         /**< a kernel failed */
    SMALTI_E_KERNEL_MODULE = -701,  /**< not a kernel, or its descriptor is wrong */
    SMALTI_E_KERNEL_TRAP = -702,    /**< the kernel trapped */
    SMALTI_E_KERNEL_TIMEOUT = -703, /**< the kernel, or its compilation, ran over its deadline */
    SMALTI_E_KERNEL_MEMORY = -704,  /**< the kernel wanted more memory than it may have */
    SMALTI_E_KERNEL_STATUS = -705,  /**< the kernel returned a status other than 0 */

    SMALTI_E_PEER = -800, /**< another process or machine failed */

    SMALTI_E_CANCELLED = -900 /**< the caller cancelled */
};

/** The class of a result: 0 for success, 1 (INVALID) to 9 (CANCELLED). */
static inline int smalti_result_class(smalti_result result)
{
    return result >= 0 ? 0 : (int)(-(int64_t)result / 100);
}

/** The name of a result's class in lower case ("format", "limit", …). A static string. */
SMALTI_API const char *smalti_result_name(smalti_result result);

/** Offset of an error that has none. */
#define SMALTI_NO_OFFSET UINT64_MAX

/** What went wrong. Owned by the caller, who may pass NULL instead; untouched on success. */
typedef struct smalti_error {
    smalti_result code; /**< the same as the result */
    int32_t sys_errno;  /**< errno of the system call that failed, or 0 */
    uint64_t offset;    /**< byte offset in the input, or SMALTI_NO_OFFSET */
    char message[496];  /**< one line, NUL-terminated, that names the thing: "in.png: bad CRC in IDAT at byte 1042" */
} smalti_error;

/** Sets how much the library may say on standard error: 0 nothing (default), 1 warnings, 2 debugging. */
SMALTI_API void smalti_log_level_set(int level);

#ifdef __cplusplus
}
#endif
#endif
