# NVTX 3 (NVIDIA's Tools Extension): headers with which a program names ranges of its time line for profilers. There is
# no library to link: the headers open the profiler's, where the environment names one.
#
# They come out of the wheel nvidia-nvtx, of which nothing else is used. They are the same in the wheels of all platforms.
# QUIPU_NVTX_SOURCE names a folder with nvtx3/nvToolsExt.h in its place.

include(PinnedPackage)

set(QUIPU_NVTX_SOURCE "" CACHE PATH "Folder that has nvtx3/nvToolsExt.h (default: nvidia-nvtx 13.5.25, fetched through pip)")

set(NVTX_VERSION 13.5.25)
set(NVTX_SHA256 f72f21bd338c531afb3f802d03c569e9f7c324739ac332c672a431734d0b5c41)
set(NVTX_ARCHIVE nvidia_nvtx-${NVTX_VERSION}-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl)

if(QUIPU_NVTX_SOURCE)
  set(nvtx_include ${QUIPU_NVTX_SOURCE})
else()
  set(nvtx_root ${CMAKE_BINARY_DIR}/_deps/nvtx-${NVTX_VERSION})
  set(nvtx_include ${nvtx_root}/nvidia/cu13/include)
  if(NOT EXISTS ${nvtx_include}/nvtx3/nvToolsExt.h)
    quipu_pinned_package(archive nvidia-nvtx ${NVTX_VERSION} ${NVTX_ARCHIVE} ${NVTX_SHA256}
      "configure with -DQUIPU_NVTX_SOURCE=DIR, where DIR/nvtx3/nvToolsExt.h is a header of NVTX 3 (a CUDA toolkit has it)"
      --only-binary :all: --platform manylinux2014_x86_64)
    file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${nvtx_root})
  endif()
endif()
if(NOT EXISTS ${nvtx_include}/nvtx3/nvToolsExt.h)
  message(FATAL_ERROR "QUIPU_NVTX_SOURCE=${nvtx_include} has no nvtx3/nvToolsExt.h; name the folder that holds nvtx3/")
endif()

add_library(QuipuNvtx INTERFACE)
target_include_directories(QuipuNvtx SYSTEM INTERFACE ${nvtx_include})
target_link_libraries(QuipuNvtx INTERFACE ${CMAKE_DL_LIBS})
