@echo off
rem {name} {version}: makes an environment of its own the first time, then starts the program.
rem Double click: the local application in the browser. With words after it: the command, as in  {name}.cmd run project.toml
rem A wheel beside this file is installed from there; without one the package index is asked.
setlocal
rem Where QGIS or another program has set its own Python, ours would take parts of it.
set "PYTHONHOME="
set "PYTHONPATH="
rem Asking for a version of Python must not install it.
set "PYTHON_MANAGER_AUTOMATIC_INSTALL=false"
if not defined LOCALAPPDATA set "LOCALAPPDATA=%USERPROFILE%\AppData\Local"
rem A folder for each version: what another one needs doesn't get mixed in.
set "HOME_DIR=%LOCALAPPDATA%\{name}\{version}"
set "OTHER_DIR=%USERPROFILE%\.{name}\{version}"
set "SOURCE={name}=={version}"
set "WHEEL=%~dp0{name}-{version}-py3-none-any.whl"
if exist "%WHEEL%" set "SOURCE=%WHEEL%"
if not exist "%HOME_DIR%\ready" if exist "%OTHER_DIR%\ready" set "HOME_DIR=%OTHER_DIR%"
if not exist "%HOME_DIR%\ready" goto make
rem The Python that it was made of may have been removed since.
"%HOME_DIR%\Scripts\python.exe" -c "" >nul 2>nul
if "%ERRORLEVEL%"=="0" goto start

:make
rem Those first that all needed packages come for, then what there is; of 64 bit. Python's entry in the app store fails here, too.
set "PYTHON="
call :try py -3.13
call :try py -3.12
call :try py -3.11
call :try py -3
call :try python
if not defined PYTHON goto nopython

echo Making "%HOME_DIR%" ... one to three minutes the first time.
echo 正在建立环境，首次需要一至三分钟。
:venv
%PYTHON% -m venv --clear "%HOME_DIR%"
if not "%ERRORLEVEL%"=="0" goto failed
if exist "%HOME_DIR%\Scripts\python.exe" goto install
rem Python of the app store writes elsewhere when it is told to write into AppData.
if "%HOME_DIR%"=="%OTHER_DIR%" goto failed
set "HOME_DIR=%OTHER_DIR%"
goto venv

:install
"%HOME_DIR%\Scripts\python.exe" -m pip install --quiet --disable-pip-version-check "%SOURCE%"
if not "%ERRORLEVEL%"=="0" goto failed
type nul > "%HOME_DIR%\ready"

:start
if not "%~1"=="" goto command
"%HOME_DIR%\Scripts\{name}.exe" serve
set "CODE=%ERRORLEVEL%"
rem What went wrong stays to be read.
if not "%CODE%"=="0" pause
exit /b %CODE%

:try
if defined PYTHON goto :eof
%* -c "import sys; sys.exit(sys.maxsize < 2**32 or sys.version_info < tuple(map(int, '{python}'.split('.'))))" >nul 2>nul
if "%ERRORLEVEL%"=="0" set "PYTHON=%*"
goto :eof

:command
"%HOME_DIR%\Scripts\{name}.exe" %*
exit /b %ERRORLEVEL%

:nopython
echo {name} needs Python {python} or later (64 bit). Install it for your user, then start this file again.
echo 需要 Python {python} 或更新版本（64 位）。请先安装（仅当前用户即可），再运行本文件。
if "%~1"=="" pause
exit /b 1

:failed
echo The environment could not be made (see above). Behind a proxy set HTTPS_PROXY; for a mirror set PIP_INDEX_URL.
echo 环境没有建成（见上）。有代理请设置 HTTPS_PROXY，用镜像请设置 PIP_INDEX_URL，然后重新运行。
if "%~1"=="" pause
exit /b 1
