/* The list of OpenCL entry points behind opencl.h. A line is
 *
 *     X(Name, KIND, result type, (parameters), (arguments), what to note after the call)
 *
 * KIND tells how a call fails: OBJECT returns an object and puts the code into its last parameter, `code`; STATUS
 * returns the code; RELEASE returns the code too, but never fails by injection, since clean-up has no other way.
 * The note sees the parameters, and `result`, the code of the call; it runs only when the call succeeded. */
#ifndef CLADE_DEVICE_OPENCL_CALLS_H
#define CLADE_DEVICE_OPENCL_CALLS_H

typedef void(CL_CALLBACK *clade_cl_context_notify)(const char *, const void *, size_t, void *);
typedef void(CL_CALLBACK *clade_cl_program_notify)(cl_program, void *);
typedef void(CL_CALLBACK *clade_cl_event_notify)(cl_event, cl_int, void *);

/* clang-format off */
#define CLADE_OPENCL_CALLS(X) \
    X(GetPlatformIDs, STATUS, cl_int, (cl_uint entries, cl_platform_id *platforms, cl_uint *count), \
      (entries, platforms, count), NOTE_NOTHING) \
    X(GetPlatformInfo, STATUS, cl_int, \
      (cl_platform_id platform, cl_platform_info name, size_t bytes, void *value, size_t *size), \
      (platform, name, bytes, value, size), NOTE_NOTHING) \
    X(GetDeviceIDs, STATUS, cl_int, \
      (cl_platform_id platform, cl_device_type type, cl_uint entries, cl_device_id *devices, cl_uint *count), \
      (platform, type, entries, devices, count), NOTE_NOTHING) \
    X(GetDeviceInfo, STATUS, cl_int, \
      (cl_device_id device, cl_device_info name, size_t bytes, void *value, size_t *size), \
      (device, name, bytes, value, size), NOTE_NOTHING) \
    X(CreateSubDevices, STATUS, cl_int, \
      (cl_device_id device, const cl_device_partition_property *properties, cl_uint entries, cl_device_id *parts, \
       cl_uint *count), \
      (device, properties, entries, parts, count), NOTE_PARTS) \
    X(ReleaseDevice, RELEASE, cl_int, (cl_device_id device), (device), NOTE_RELEASE) \
    X(CreateContext, OBJECT, cl_context, \
      (const cl_context_properties *properties, cl_uint count, const cl_device_id *devices, \
       clade_cl_context_notify notify, void *user, cl_int *code), \
      (properties, count, devices, notify, user, code), NOTE_CREATION) \
    X(ReleaseContext, RELEASE, cl_int, (cl_context context), (context), NOTE_RELEASE) \
    X(CreateCommandQueue, OBJECT, cl_command_queue, \
      (cl_context context, cl_device_id device, cl_command_queue_properties properties, cl_int *code), \
      (context, device, properties, code), NOTE_CREATION) \
    X(ReleaseCommandQueue, RELEASE, cl_int, (cl_command_queue queue), (queue), NOTE_RELEASE) \
    X(CreateBuffer, OBJECT, cl_mem, \
      (cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code), \
      (context, flags, bytes, host, code), NOTE_CREATION) \
    X(CreateSubBuffer, OBJECT, cl_mem, \
      (cl_mem buffer, cl_mem_flags flags, cl_buffer_create_type type, const void *region, cl_int *code), \
      (buffer, flags, type, region, code), NOTE_CREATION) \
    X(ReleaseMemObject, RELEASE, cl_int, (cl_mem memory), (memory), NOTE_RELEASE) \
    X(CreateProgramWithSource, OBJECT, cl_program, \
      (cl_context context, cl_uint count, const char **sources, const size_t *lengths, cl_int *code), \
      (context, count, sources, lengths, code), NOTE_CREATION) \
    X(CreateProgramWithBinary, OBJECT, cl_program, \
      (cl_context context, cl_uint count, const cl_device_id *devices, const size_t *lengths, \
       const unsigned char **binaries, cl_int *states, cl_int *code), \
      (context, count, devices, lengths, binaries, states, code), NOTE_CREATION) \
    X(BuildProgram, STATUS, cl_int, \
      (cl_program program, cl_uint count, const cl_device_id *devices, const char *options, \
       clade_cl_program_notify notify, void *user), \
      (program, count, devices, options, notify, user), NOTE_NOTHING) \
    X(GetProgramInfo, STATUS, cl_int, \
      (cl_program program, cl_program_info name, size_t bytes, void *value, size_t *size), \
      (program, name, bytes, value, size), NOTE_NOTHING) \
    X(GetProgramBuildInfo, STATUS, cl_int, \
      (cl_program program, cl_device_id device, cl_program_build_info name, size_t bytes, void *value, size_t *size), \
      (program, device, name, bytes, value, size), NOTE_NOTHING) \
    X(ReleaseProgram, RELEASE, cl_int, (cl_program program), (program), NOTE_RELEASE) \
    X(CreateKernel, OBJECT, cl_kernel, (cl_program program, const char *name, cl_int *code), \
      (program, name, code), NOTE_CREATION) \
    X(SetKernelArg, STATUS, cl_int, (cl_kernel kernel, cl_uint index, size_t bytes, const void *value), \
      (kernel, index, bytes, value), NOTE_NOTHING) \
    X(GetKernelInfo, STATUS, cl_int, \
      (cl_kernel kernel, cl_kernel_info name, size_t bytes, void *value, size_t *size), \
      (kernel, name, bytes, value, size), NOTE_NOTHING) \
    X(GetKernelWorkGroupInfo, STATUS, cl_int, \
      (cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info name, size_t bytes, void *value, \
       size_t *size), \
      (kernel, device, name, bytes, value, size), NOTE_NOTHING) \
    X(ReleaseKernel, RELEASE, cl_int, (cl_kernel kernel), (kernel), NOTE_RELEASE) \
    X(EnqueueNDRangeKernel, STATUS, cl_int, \
      (cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset, const size_t *global, \
       const size_t *local, cl_uint wait_count, const cl_event *wait_list, cl_event *event), \
      (queue, kernel, dimensions, offset, global, local, wait_count, wait_list, event), NOTE_EVENT) \
    X(EnqueueReadBuffer, STATUS, cl_int, \
      (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t bytes, void *data, \
       cl_uint wait_count, const cl_event *wait_list, cl_event *event), \
      (queue, buffer, blocking, offset, bytes, data, wait_count, wait_list, event), \
      NOTE_EVENT NOTE_BLOCKING NOTE_READ) \
    X(EnqueueWriteBuffer, STATUS, cl_int, \
      (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t bytes, const void *data, \
       cl_uint wait_count, const cl_event *wait_list, cl_event *event), \
      (queue, buffer, blocking, offset, bytes, data, wait_count, wait_list, event), NOTE_EVENT NOTE_BLOCKING) \
    X(EnqueueMapBuffer, OBJECT, void *, \
      (cl_command_queue queue, cl_mem buffer, cl_bool blocking, cl_map_flags flags, size_t offset, size_t bytes, \
       cl_uint wait_count, const cl_event *wait_list, cl_event *event, cl_int *code), \
      (queue, buffer, blocking, flags, offset, bytes, wait_count, wait_list, event, code), NOTE_EVENT NOTE_BLOCKING) \
    X(EnqueueUnmapMemObject, STATUS, cl_int, \
      (cl_command_queue queue, cl_mem buffer, void *mapped, cl_uint wait_count, const cl_event *wait_list, \
       cl_event *event), \
      (queue, buffer, mapped, wait_count, wait_list, event), NOTE_EVENT) \
    X(EnqueueCopyBuffer, STATUS, cl_int, \
      (cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset, size_t to_offset, size_t bytes, \
       cl_uint wait_count, const cl_event *wait_list, cl_event *event), \
      (queue, from, to, from_offset, to_offset, bytes, wait_count, wait_list, event), NOTE_EVENT) \
    X(EnqueueFillBuffer, STATUS, cl_int, \
      (cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_bytes, size_t offset, \
       size_t bytes, cl_uint wait_count, const cl_event *wait_list, cl_event *event), \
      (queue, buffer, pattern, pattern_bytes, offset, bytes, wait_count, wait_list, event), NOTE_EVENT) \
    X(EnqueueMarkerWithWaitList, STATUS, cl_int, \
      (cl_command_queue queue, cl_uint wait_count, const cl_event *wait_list, cl_event *event), \
      (queue, wait_count, wait_list, event), NOTE_EVENT) \
    X(CreateUserEvent, OBJECT, cl_event, (cl_context context, cl_int *code), (context, code), NOTE_CREATION) \
    X(SetUserEventStatus, STATUS, cl_int, (cl_event event, cl_int status), (event, status), NOTE_NOTHING) \
    X(SetEventCallback, STATUS, cl_int, \
      (cl_event event, cl_int status, clade_cl_event_notify notify, void *user), \
      (event, status, notify, user), NOTE_NOTHING) \
    X(GetEventProfilingInfo, STATUS, cl_int, \
      (cl_event event, cl_profiling_info name, size_t bytes, void *value, size_t *size), \
      (event, name, bytes, value, size), NOTE_NOTHING) \
    X(WaitForEvents, STATUS, cl_int, (cl_uint count, const cl_event *events), (count, events), NOTE_WAIT) \
    X(ReleaseEvent, RELEASE, cl_int, (cl_event event), (event), NOTE_RELEASE) \
    X(Flush, STATUS, cl_int, (cl_command_queue queue), (queue), NOTE_NOTHING) \
    X(Finish, STATUS, cl_int, (cl_command_queue queue), (queue), NOTE_WAIT)
/* clang-format on */

/* The wrappers: clade_cl_Name(opencl, parameters...). */
#define CLADE_CL_UNWRAP(...) __VA_ARGS__
#define CLADE_CL_DECLARE(NAME, KIND, RESULT, PARAMETERS, ARGUMENTS, NOTE)                                              \
    RESULT clade_cl_##NAME(clade_opencl *opencl, CLADE_CL_UNWRAP PARAMETERS);
CLADE_OPENCL_CALLS(CLADE_CL_DECLARE)
#undef CLADE_CL_DECLARE

#endif
