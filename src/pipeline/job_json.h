/* SPDX-License-Identifier: Apache-2.0
 * Parts of a job's JSON document, once they are parsed. */
#ifndef SMALTI_SRC_PIPELINE_JOB_JSON_H
#define SMALTI_SRC_PIPELINE_JOB_JSON_H

#include <jansson.h>

#include "pipeline/job.h"

/* Adds what the document says to the job; tasks may have been added before. */
smalti_result smalti__job_json_read(smalti_job *job, json_t *root, smalti_error *error);
/* Adds one item of "tasks". */
smalti_result smalti__job_json_task(smalti_job *job, size_t index, json_t *item, smalti_error *error);

#endif
